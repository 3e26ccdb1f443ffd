/** Talk: what set-up is doing, on standard error, so that standard output holds data only. */
export type Say = {
  /** A new step; ends the one before. */
  step(text: string): void;
  /** What the running step is at; shown with its elapsed time. */
  detail(text: string): void;
  /** A plain line. */
  line(text: string): void;
  /** Ends the running step. */
  done(): void;
};

export const quiet: Say = { step() {}, detail() {}, line() {}, done() {} };

type Stream = { write(text: string): unknown; readonly isTTY?: boolean };
type Step = { readonly text: string; readonly since: number; readonly timer: NodeJS.Timeout; detail: string };

/** With a terminal, one line that counts the seconds; without one, a line a step and one more each half minute. */
export function makeSay(stream: Stream = process.stderr): Say {
  let running: Step | undefined;
  const describe = (step: Step) => {
    const seconds = Math.round((performance.now() - step.since) / 1000);
    return `${step.text}: ${seconds} s${step.detail === "" ? "" : `, ${step.detail}`}`;
  };
  const redraw = () => {
    if (running) stream.write(stream.isTTY ? `\r\x1b[2K${describe(running)}` : `${describe(running)}\n`);
  };
  const say: Say = {
    step(text) {
      say.done();
      stream.write(stream.isTTY ? text : `${text}\n`);
      const timer = setInterval(redraw, stream.isTTY ? 500 : 30_000);
      timer.unref();
      running = { text, since: performance.now(), timer, detail: "" };
    },
    detail(text) {
      if (running) running.detail = text.slice(0, 80);
    },
    line(text) {
      say.done();
      stream.write(`${text}\n`);
    },
    done() {
      if (running === undefined) return;
      clearInterval(running.timer);
      running.detail = "";
      redraw();
      if (stream.isTTY) stream.write("\n");
      running = undefined;
    },
  };
  return say;
}
