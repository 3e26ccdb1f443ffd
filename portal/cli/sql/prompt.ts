import { createInterface, type Interface } from "node:readline";
import { CommandFailure } from "../failure.ts";
import { say } from "../output.ts";
import { isComplete } from "./complete.ts";
import { failureOf, printAnswer } from "./print.ts";
import { runSql } from "./run.ts";
import type { SqlOptions, SqlTarget } from "./types.ts";

const help = `statements end with ;   \\write  \\read  what is allowed   \\x  explain the next one   \\q  leave`;

/** Statement after statement, typed at a terminal. Each is a request of its own: no transaction and no setting outlives it. */
export async function promptSql(target: SqlTarget, options: SqlOptions): Promise<void> {
  let { mode, explain } = options;
  const lines = createInterface({
    ...{ input: process.stdin, output: process.stderr, historySize: 500 },
    history: await recent(target),
  });
  say(`${target.name}: ${help}`);
  let typed = "";
  const ask = () => {
    lines.setPrompt(`${target.name}${typed === "" ? "=" : "-"}${mode === "write" ? "#" : ">"} `);
    lines.prompt();
  };
  lines.on("SIGINT", () => {
    typed = "";
    say("");
    ask();
  });
  ask();
  for await (const line of lines) {
    const command = typed === "" ? line.trim() : "";
    if (command === "\\q") break;
    if (command === "\\write" || command === "\\read") mode = command === "\\write" ? "write" : "read";
    else if (command === "\\x") explain = "plan";
    else if (command.startsWith("\\")) say(help);
    else typed = typed === "" ? line : `${typed}\n${line}`;
    if (isComplete(typed)) {
      await one(target, typed, { ...options, mode, explain }, lines);
      typed = "";
      explain = options.explain;
    }
    ask();
  }
  lines.close();
}

async function one(target: SqlTarget, sql: string, options: SqlOptions, lines: Interface): Promise<void> {
  lines.pause(); // Ctrl-C is the statement's now
  try {
    const answer = await runSql(target, sql, options);
    printAnswer(answer, "table");
    const failure = failureOf(answer, sql);
    if (failure !== undefined) throw failure;
    say(`${Math.round(answer.durationMs)} ms`);
  } catch (thrown) {
    if (!(thrown instanceof CommandFailure)) throw thrown;
    const said = thrown.code === undefined ? thrown.message : `${thrown.code} ${thrown.message}`;
    say(thrown.hint === undefined ? said : `${said}\nhint: ${thrown.hint}`);
  }
  lines.resume();
}

/** For the arrow keys, newest first. */
const recent = ({ client, path }: SqlTarget): Promise<string[]> =>
  client.get<{ items: { sql: string }[] }>(`${path}/sql/history`, { limit: 100 }).then(
    ({ items }) => items.map(({ sql }) => sql.replaceAll("\n", " ")),
    () => [],
  );
