/** An image and the class that its folder says it is of. */
export interface LabelledImage {
  /** Class name: the immediate parent folder, in Unicode NFC. */
  readonly label: string;
  /** File name; the whole path inside the data where another image of the same class has the same file name. */
  readonly file: string;
  /** Path inside the data, with slashes: what messages name. */
  readonly path: string;
  /** The nearest folder above the class that is called so. */
  readonly split: Split | undefined;
  /** The encoded image. */
  read(): Promise<Buffer>;
}

export type Split = 'train' | 'val' | 'test';

/** Labelled images of a folder or archive, by byte order of their paths. */
export interface LabelledImages {
  /** Base name of the folder or archive, without `.tar` and the like: the default prefix of fed ids. */
  readonly name: string;
  readonly images: readonly LabelledImage[];
  /** Files that are no images by their extension, or lie in no folder. */
  readonly skipped: number;
}

/** Data that can't be used: the message names the file and says what to do. */
export class DataError extends Error {
  override readonly name = 'DataError';
}
