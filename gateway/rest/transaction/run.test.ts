import { expect, test } from "vitest";
import type { ScriptEnd, ServerError, Step } from "../../../platform/sql/index.ts";
import type { RestConnection } from "../types.ts";
import { runWork, type Work } from "./run.ts";

const settings = {
  ...{ role: "anon", claims: "{}", method: "GET", path: "/", headers: "{}", cookies: "{}", schema: "public" },
  ...{ statementMs: 1_000, isReadOnly: false },
};
const ask = (more: Partial<Work> = {}): Work => ({ settings, steps: [{ text: "ask" }], isCall: false, ...more });

/** A session that answers as it is told, and keeps what it was sent. */
function session(refuses: (steps: readonly Step[]) => boolean) {
  const sent: string[][] = [];
  const connection: RestConnection = {
    async run(steps): Promise<ScriptEnd> {
      sent.push(steps.map(({ text }) => text));
      if (refuses(steps)) return { kind: "refused", error: {} as ServerError, results: [] } as unknown as ScriptEnd;
      return { kind: "done", results: steps.map(() => ({ rows: [] })) } as unknown as ScriptEnd;
    },
  };
  const cleans = () => sent.map((texts) => texts.includes("discard temp"));
  return { connection, cleans };
}

test("what a function may have left is discarded once, by the next request", async () => {
  const { connection, cleans } = session(() => false);
  for (const work of [ask(), ask({ isCall: true }), ask(), ask()]) await runWork(connection, work);
  expect(cleans()).toEqual([false, false, true, false]);
});

test("a cleaning that was undone with a refused request is made again", async () => {
  const { connection, cleans } = session((steps) => steps.some(({ text }) => text === "refused"));
  const refused = ask({ steps: [{ text: "refused" }] });
  for (const work of [ask({ isCall: true }), refused, refused, ask(), ask()]) await runWork(connection, work);
  expect(cleans()).toEqual([false, true, true, true, false]);
});

test("and so is one that was rolled back by the look at the answer", async () => {
  const { connection, cleans } = session(() => false);
  await runWork(connection, ask({ isCall: true }));
  await runWork(connection, ask({ decide: () => "rollback" }));
  await runWork(connection, ask({ decide: () => "commit" }));
  await runWork(connection, ask());
  expect(cleans()).toEqual([false, true, false, true, false, false]);
});
