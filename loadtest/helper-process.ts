import { type ChildProcess, fork } from 'node:child_process';
import { pinned } from './servers/pinning.js';

export interface HelperOptions<Progress> {
  /** The core that it is kept on; undefined: any. */
  readonly core?: number | undefined;
  /** Gets what it tells before it answers: messages `{ progress }`. */
  readonly onProgress?: (progress: Progress) => void;
}

/** A child process of the load test that answers each message with one message. */
export class HelperProcess<Message extends object, Progress = never> {
  readonly #child: ChildProcess;
  #ended: Error | undefined;

  /** @param module Path of its file, beside this one. */
  constructor(module: string, { core, onProgress }: HelperOptions<Progress> = {}) {
    const [execPath = process.execPath, ...execArgv] = pinned(core, [process.execPath]);
    this.#child = fork(new URL(module, import.meta.url), { serialization: 'advanced', execPath, execArgv });
    this.#child.on('message', (message: { progress?: Progress }) => {
      if (message.progress !== undefined) onProgress?.(message.progress);
    });
    this.#child.once('exit', (code, signal) => {
      this.#ended = new Error(`the helper process ${module} ended (${code ?? signal})`);
    });
  }

  /** @throws Error when it answers with one, or ends before it answers. */
  ask<Answer extends object>(message: Message): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(this.#ended);
        return;
      }
      const onExit = () => reject(this.#ended ?? new Error('a helper process ended'));
      const onMessage = (answer: Answer | { error: string } | { progress: Progress }) => {
        if ('progress' in answer) return;
        this.#child.off('exit', onExit);
        this.#child.off('message', onMessage);
        if ('error' in answer) reject(new Error(answer.error));
        else resolve(answer);
      };
      this.#child.once('exit', onExit);
      this.#child.on('message', onMessage);
      this.#child.send(message);
    });
  }

  stop(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}
