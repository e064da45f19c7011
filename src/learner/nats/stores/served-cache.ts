import type { ServedRecord } from '../../fold/served-record.js';

interface Entry {
  readonly record: ServedRecord;
  readonly bytes: number;
  /** Its position in the stream, once acknowledged. */
  sequence: number | undefined;
  /** Another record under the same subject was seen: which one a label means must be asked of the stream. */
  ambiguous: boolean;
  /** Positions heard of before our own was known. */
  heard: number[];
}

/** Bookkeeping of an entry, about. */
const OVERHEAD_BYTES = 300;

/**
 * The records that this process served lately, by subject, so that most joins need not ask NATS. Bounded in bytes, the
 * oldest go first. It answers only when it knows that its record is the only one under that subject.
 */
export class ServedCache {
  private readonly entries = new Map<string, Entry>();
  private bytes = 0;

  constructor(private readonly maxBytes: number) {}

  /** Remembers a record that is being stored. */
  add(subject: string, record: ServedRecord): void {
    const known = this.entries.get(subject);
    if (known !== undefined) {
      known.ambiguous = true;
      return;
    }
    const bytes = record.embedding.byteLength + OVERHEAD_BYTES;
    this.entries.set(subject, { record, bytes, sequence: undefined, ambiguous: false, heard: [] });
    this.bytes += bytes;
    for (const oldest of this.entries.keys()) {
      if (this.bytes <= this.maxBytes) break;
      this.remove(oldest);
    }
  }

  /** The stream acknowledged this process's record at that position. */
  stored(subject: string, sequence: number): void {
    const entry = this.entries.get(subject);
    if (entry === undefined || entry.ambiguous) return;
    entry.sequence = sequence;
    if (entry.heard.some((other) => other !== sequence)) entry.ambiguous = true;
  }

  /** Some process stored a record under that subject. */
  heard(subject: string, sequence: number): void {
    const entry = this.entries.get(subject);
    if (entry === undefined || entry.ambiguous) return;
    if (entry.sequence === undefined) entry.heard.push(sequence);
    else if (entry.sequence !== sequence) entry.ambiguous = true;
  }

  /** The record, when it was stored and is the only one. */
  get(subject: string): ServedRecord | undefined {
    const entry = this.entries.get(subject);
    return entry?.sequence === undefined || entry.ambiguous ? undefined : entry.record;
  }

  private remove(subject: string): void {
    const entry = this.entries.get(subject);
    if (entry === undefined) return;
    this.entries.delete(subject);
    this.bytes -= entry.bytes;
  }
}
