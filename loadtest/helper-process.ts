import { type ChildProcess, fork } from 'node:child_process';

/** A child process of this folder that answers each message with one message. */
export class HelperProcess<Message extends object> {
  readonly #child: ChildProcess;

  /** @param module Path of its file, beside this one. */
  constructor(module: string) {
    this.#child = fork(new URL(module, import.meta.url), { serialization: 'advanced' });
  }

  /** @throws Error when it answers with one, or ends before it answers. */
  ask<Answer extends object>(message: Message): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null) => reject(new Error(`a helper process ended (${code})`));
      this.#child.once('exit', onExit);
      this.#child.once('message', (answer: Answer | { error: string }) => {
        this.#child.off('exit', onExit);
        if ('error' in answer) reject(new Error(answer.error));
        else resolve(answer);
      });
      this.#child.send(message);
    });
  }

  stop(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}
