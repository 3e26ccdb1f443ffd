/** Talk: what set-up is doing, on standard error, so that standard output holds data only. */
export type Say = {
  /** A new step; ends the one before. */
  step(text: string): void;
  /** A plain line. */
  line(text: string): void;
  /** Ends the running step. */
  done(): void;
};

export const quiet: Say = { step() {}, line() {}, done() {} };

type Stream = { write(text: string): unknown; readonly isTTY?: boolean };

/** With a terminal, one line that counts the seconds; without one, a line a step and one more each half minute. */
export function makeSay(stream: Stream = process.stderr): Say {
  let running: { text: string; since: number; timer: NodeJS.Timeout } | undefined;
  const elapsed = (since: number) => `${Math.round((performance.now() - since) / 1000)} s`;
  const say: Say = {
    step(text) {
      say.done();
      const since = performance.now();
      if (stream.isTTY) stream.write(`${text} ...`);
      else stream.write(`${text}\n`);
      const redraw = () =>
        stream.write(stream.isTTY ? `\r${text} ... ${elapsed(since)}` : `${text}: ${elapsed(since)}\n`);
      const timer = setInterval(redraw, stream.isTTY ? 1_000 : 30_000);
      timer.unref();
      running = { text, since, timer };
    },
    line(text) {
      say.done();
      stream.write(`${text}\n`);
    },
    done() {
      if (running === undefined) return;
      clearInterval(running.timer);
      if (stream.isTTY) stream.write(`\r${running.text}: ${elapsed(running.since)}    \n`);
      running = undefined;
    },
  };
  return say;
}
