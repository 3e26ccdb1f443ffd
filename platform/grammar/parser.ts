/**
 * The grammar in a thread of its own. A text that takes too long, or too much memory, ends the thread and not the process; the next
 * text gets a new one. One text at a time, so that nobody else's is lost with it.
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import pLimit from "p-limit";
import type { Statement } from "./classify.ts";
import type { SyntaxProblem } from "./parse.ts";

/** A statement without its tree, which would cost as much to hand over as to make. */
export type Outline = Omit<Statement, "tree">;
export type Outlined = { readonly kind: "parsed"; readonly statements: readonly Outline[] };

export type Parser = {
  parse(sql: string): Promise<Outlined | SyntaxProblem>;
  close(): Promise<void>;
};

/** What the parser took for a text that was too deep stays taken: a thread is replaced after so many texts. */
const textsAThread = 2_000;

export function makeParser({ timeoutMs = 5_000, maxLength = 1_000_000 } = {}): Parser {
  const inTurn = pLimit(1);
  let worker: Worker | undefined;
  let read = 0;

  const end = async () => {
    const last = worker;
    worker = undefined;
    read = 0;
    await last?.terminate();
  };

  const ask = async (sql: string): Promise<Outlined | SyntaxProblem> => {
    worker ??= startThread(maxLength);
    worker.postMessage(sql);
    try {
      const [parsed] = await once(worker, "message", { signal: AbortSignal.timeout(timeoutMs) });
      if (++read >= textsAThread) await end();
      return parsed as Outlined | SyntaxProblem;
    } catch (thrown) {
      await end();
      const late = thrown instanceof Error && thrown.name === "AbortError";
      const message = `the text takes too ${late ? "long" : "much memory"} to be read`;
      return { kind: "syntax", message, offset: 0, line: 1, column: 1 };
    }
  };

  return { parse: (sql) => inTurn(ask, sql), close: () => inTurn(end) };
}

function startThread(maxLength: number): Worker {
  const made = new Worker(new URL("./worker.ts", import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: 256 },
    workerData: { maxLength },
  });
  made.on("error", () => undefined); // whoever waits hears it too
  made.unref();
  return made;
}
