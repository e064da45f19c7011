export interface ClassTableState {
  /** By class index. */
  readonly names: string[];
  /** By class index: samples learned. */
  readonly samples: number[];
  /** Names that labels may still use for a class that has another name now, in the order in which they were given up. */
  readonly aliases: { readonly name: string; readonly index: number }[];
}

/** Why a class can't get a name. */
export type RenameProblem = 'unknown_class' | 'name_taken' | 'no_name' | 'too_many_aliases';

/** An operator renames by hand; more than this is a mistake that would grow every snapshot. */
const MOST_ALIASES = 10_000;

/** The classes of a head: names, what labels may call them, samples learned. A class's index moves down when one before it is removed. */
export class ClassTable {
  private readonly names: string[];
  private readonly learned: number[];
  /** Name to index: of the classes, and of the aliases. */
  private readonly indices: Map<string, number>;
  private readonly aliasIndices: Map<string, number>;

  constructor(state: ClassTableState = { names: [], samples: [], aliases: [] }) {
    this.names = [...state.names];
    this.learned = [...state.samples];
    this.indices = new Map(this.names.map((name, index) => [name, index]));
    this.aliasIndices = new Map(state.aliases.map(({ name, index }) => [name, index]));
  }

  get count(): number {
    return this.names.length;
  }

  /** In class order: a copy. */
  list(): string[] {
    return [...this.names];
  }

  /** In class order. */
  get samples(): readonly number[] {
    return this.learned;
  }

  /** What a label with this name means; undefined: no class. */
  find(name: string): number | undefined {
    return this.indices.get(name) ?? this.aliasIndices.get(name);
  }

  add(name: string): number {
    const index = this.names.push(name) - 1;
    this.learned.push(0);
    this.indices.set(name, index);
    return index;
  }

  countSample(index: number): void {
    this.learned[index]! += 1;
  }

  /** Removes a class, by its present name, with its aliases. @returns the index it had; undefined: there is none of this name. */
  remove(name: string): number | undefined {
    const removed = this.indices.get(name);
    if (removed === undefined) return undefined;
    this.names.splice(removed, 1);
    this.learned.splice(removed, 1);
    this.indices.clear();
    this.names.forEach((each, index) => {
      this.indices.set(each, index);
    });
    const aliases = [...this.aliasIndices].filter(([, index]) => index !== removed);
    this.aliasIndices.clear();
    for (const [alias, index] of aliases) this.aliasIndices.set(alias, index > removed ? index - 1 : index);
    return removed;
  }

  /**
   * Gives a class another name; labels may go on to use the old one. Its own earlier names are free to be taken again.
   * @returns why not; undefined: done. A class that has the name already keeps it.
   */
  rename(from: string, to: string): RenameProblem | undefined {
    const index = this.indices.get(from);
    if (index === undefined) return 'unknown_class';
    if (to === '') return 'no_name';
    if (from === to) return undefined;
    const meant = this.find(to);
    if (meant !== undefined && meant !== index) return 'name_taken';
    if (this.aliasIndices.size >= MOST_ALIASES) return 'too_many_aliases';
    this.names[index] = to;
    this.indices.delete(from);
    this.indices.set(to, index);
    this.aliasIndices.delete(to);
    this.aliasIndices.set(from, index);
    return undefined;
  }

  aliases(): { from: string; to: string }[] {
    return [...this.aliasIndices].map(([from, index]) => ({ from, to: this.names[index]! }));
  }

  snapshot(): ClassTableState {
    const aliases = [...this.aliasIndices].map(([name, index]) => ({ name, index }));
    return { names: this.list(), samples: [...this.learned], aliases };
  }
}
