import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const run = promisify(execFile);
const cli = join(import.meta.dirname, "../../launcher/cli.ts");

test("the chapter on billing shows one figure from the estimate to the author", { timeout: 300_000 }, async () => {
  const { stdout, stderr } = await run(process.execPath, [cli, "demo", "--chapter", "billing", "-o", "json"], {
    env: { ...process.env, NODE_NO_WARNINGS: "1" },
    maxBuffer: 10_000_000,
  });
  const { steps } = JSON.parse(stdout) as { steps: readonly { readonly data: Readonly<Record<string, unknown>> }[] };
  const all = Object.assign({}, ...steps.map(({ data }) => data)) as {
    readonly total: { readonly amount: string };
    readonly billedMicros: number;
    readonly costs: readonly { readonly estimatedMicros: number; readonly actualMicros: number }[];
    readonly cause: { readonly pull: { readonly author: string } };
  };
  expect(all.billedMicros).toBe(Math.round(Number(all.total.amount) * 1_000_000));
  expect(all.costs).toHaveLength(3);
  for (const { estimatedMicros, actualMicros } of all.costs) expect(actualMicros).toBeLessThanOrEqual(estimatedMicros);
  expect(all.cause.pull.author).toBe("ada");
  for (const word of ["INV-000001", "FOCUS 1.2", "closed a second time", "#1 by ada"]) expect(stderr).toContain(word);
});
