import { type ChildProcess, fork } from 'node:child_process';

/** A child process that answers each message with one message. */
export class Child<Message extends object> {
  readonly #process: ChildProcess;

  /** @param file its module */
  constructor(file: URL) {
    this.#process = fork(file, { serialization: 'advanced', execArgv: ['--expose-gc'] });
  }

  /** @throws Error when it answers with one, or ends before it answers. */
  ask<Answer extends object>(message: Message): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null, signal: string | null) =>
        reject(new Error(`a process of the benchmark ended (${code ?? signal})`));
      this.#process.once('exit', onExit);
      this.#process.once('message', (answer: Answer | { error: string }) => {
        this.#process.off('exit', onExit);
        if ('error' in answer) reject(new Error(answer.error));
        else resolve(answer);
      });
      this.#process.send(message, (error) => {
        if (error) onExit(this.#process.exitCode, this.#process.signalCode);
      });
    });
  }

  /** It ends by itself; what it holds is free once this resolves. */
  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill();
    await ended;
  }
}
