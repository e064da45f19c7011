/** A label as it is sent: with an image it is a sample, without one it joins the answer with that id. */
export interface OutgoingLabel {
  readonly id: string;
  readonly label: string;
  readonly image?: Uint8Array | undefined;
}

/**
 * A way to the label stream. Sent at least once: what is not acknowledged is sent again, since a label for one id counts
 * once however often it comes.
 */
export interface LabelSender {
  /**
   * Resolves once the label is stored; gives up when the signal is aborted.
   * @throws LabelRefused when this label can't be taken but others can; any other error when no label gets through.
   */
  send(label: OutgoingLabel, signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** This one label can't be taken: the message says why. */
export class LabelRefused extends Error {
  override readonly name = 'LabelRefused';
}
