import type { Progress } from './context.js';

const CLEAR_LINE = '\r\u001b[2K';

/** Lines that stay, and one that is written over: the latter only where somebody can see it change. */
export function terminalProgress(stream: NodeJS.WriteStream): Progress {
  let shown = false;
  return {
    line: (text) => {
      stream.write(`${shown ? CLEAR_LINE : ''}${text}\n`);
      shown = false;
    },
    now: (text) => {
      if (!stream.isTTY) return;
      stream.write(`${CLEAR_LINE}${text.slice(0, Math.max(20, stream.columns - 1))}`);
      shown = true;
    },
  };
}
