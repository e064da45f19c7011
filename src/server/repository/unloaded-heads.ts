import type { HeadDefinition } from '../../learner/index.js';

/** Heads that this process does not serve, since an operator said so. It learns them all the same. */
export class UnloadedHeads {
  /** Generations by name: a head that is made anew is served. */
  private readonly generations = new Map<string, number>();

  has({ name, generation }: Pick<HeadDefinition, 'name' | 'generation'>): boolean {
    return this.generations.get(name) === generation;
  }

  add({ name, generation }: Pick<HeadDefinition, 'name' | 'generation'>): void {
    this.generations.set(name, generation);
  }

  delete(name: string): void {
    this.generations.delete(name);
  }

  /** Forgets heads that are gone. */
  keep(exists: (name: string) => boolean): void {
    for (const name of this.generations.keys()) if (!exists(name)) this.generations.delete(name);
  }
}
