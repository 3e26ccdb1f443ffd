import { createInterface } from "node:readline";
import { CommandFailure, exitCodes } from "./failure.ts";

/** Asks a person at the terminal; without one each answer is the next line of standard input. */
export type Prompt = {
  shown(question: string): Promise<string>;
  /** What is typed does not appear. */
  hidden(question: string): Promise<string>;
  /** A new password: asked for twice where somebody types. */
  newPassword(): Promise<string>;
  close(): void;
};

export function makePrompt(): Prompt {
  const isTerminal = process.stdin.isTTY === true;
  const reader = isTerminal ? undefined : createInterface({ input: process.stdin });
  const lines = reader?.[Symbol.asyncIterator]();
  const nextLine = async (question: string): Promise<string> => {
    const line = await lines?.next();
    if (line === undefined || line.done) throw noAnswer(question);
    return line.value;
  };
  const hidden = (question: string) => (isTerminal ? typeHidden(question) : nextLine(question));
  return {
    hidden,
    shown: (question) => (isTerminal ? typeShown(question) : nextLine(question)),
    async newPassword() {
      const first = await hidden("New password");
      if (isTerminal && first !== (await hidden("Once more")))
        throw new CommandFailure("the two are not the same", { exitCode: exitCodes.usage });
      return first;
    },
    close: () => reader?.close(),
  };
}

const noAnswer = (question: string) =>
  new CommandFailure(`no answer to "${question}"`, {
    exitCode: exitCodes.usage,
    hint: "Without a terminal each answer is a line of standard input.",
  });

const typeShown = (question: string): Promise<string> =>
  new Promise((resolve) => {
    const reader = createInterface({ input: process.stdin, output: process.stderr });
    reader.question(`${question}: `, (answer) => {
      reader.close();
      resolve(answer.trim());
    });
  });

const keys = { enter: ["\r", "\n", "\u0004"], erase: ["\u007f", "\b"], interrupt: "\u0003", clear: "\u0015" } as const;

const typeHidden = (question: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const { stdin } = process;
    let typed: string[] = [];
    process.stderr.write(`${question}: `);
    const onData = (chunk: string) => {
      for (const key of chunk) {
        if (key === keys.interrupt) return end(() => reject(new CommandFailure("interrupted")));
        if ((keys.enter as readonly string[]).includes(key)) return end(() => resolve(typed.join("")));
        if ((keys.erase as readonly string[]).includes(key)) typed.pop();
        else if (key === keys.clear) typed = [];
        else typed.push(key);
      }
    };
    const end = (then: () => void) => {
      stdin.off("data", onData).setRawMode(false).pause();
      process.stderr.write("\n");
      then();
    };
    stdin.setRawMode(true).setEncoding("utf8").on("data", onData).resume();
  });
