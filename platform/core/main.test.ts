import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, it } from "vitest";

const head = `
  import { integer, mainFields, runMain, text } from ${JSON.stringify(join(import.meta.dirname, "index.ts"))};
  const fields = { NEBULA_DATA: text(), NEBULA_PORT: integer(4400), ...mainFields };
`;
/** Ends as soon as it serves. */
const serving = `${head}
  await runMain("gateway", fields, async ({ scope, config, untilStopped }) => {
    scope.add("first", (it) => console.log(it));
    scope.add("second", (it) => console.log(it));
    setTimeout(() => process.kill(process.pid, "SIGTERM"), 1);
    await untilStopped();
    console.log(config.NEBULA_PORT);
  });
`;

async function run(script: string, env: Readonly<Record<string, string>>, ...args: readonly string[]) {
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script, "--", ...args], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = once(child, "exit");
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const lines = err.split("\n").filter((line) => line.startsWith("{"));
  return { status: (await ended)[0], out, said: lines.map((line) => JSON.parse(line)) };
}

it("a main says that it is ready, and lets go in reverse order when it is asked to stop", async () => {
  const { status, out, said } = await run(serving, { NEBULA_DATA: "/nowhere" });
  expect(out.split("\n")).toEqual(['{"ready":true,"process":"gateway"}', "4400", "second", "first", ""]);
  expect(said).toMatchObject([
    { kind: "process.started", process: "gateway", version: expect.stringMatching(/^\d+\.\d+\.\d+/) },
    { kind: "process.stopping", reason: "SIGTERM" },
  ]);
  expect(status).toBe(0);
});

it("one that cannot go on says why in one line, lets go, and ends with 1", async () => {
  const broken = `${head}
    await runMain("portal", fields, async ({ scope }) => {
      scope.add("first", (it) => console.log(it));
      throw new Error("no ground");
    });
  `;
  const { status, out, said } = await run(broken, { NEBULA_DATA: "/nowhere" });
  expect(said).toMatchObject([{ level: "error", process: "portal", code: "NEB900" }]);
  expect([out, status]).toEqual(["first\n", 1]);
});

it("every setting that is wrong is said at once", async () => {
  const { status, out, said } = await run(serving, { NEBULA_PORT: "many", NEBULA_LOG_LEVEL: "loud" });
  const named = /NEBULA_DATA.*NEBULA_PORT.*NEBULA_LOG_LEVEL/;
  expect(said).toMatchObject([{ code: "NEB901", message: expect.stringMatching(named) }]);
  expect([out, status]).toEqual(["", 1]);
});

it("--print-config prints the settings and begins nothing", async () => {
  const { status, out } = await run(serving, { NEBULA_DATA: "/nowhere" }, "--print-config");
  expect(JSON.parse(out)).toEqual({
    ...{ NEBULA_DATA: "/nowhere", NEBULA_PORT: 4400, NEBULA_LOG_LEVEL: "info" },
    ...{ NEBULA_DISK_FREE_PERCENT: 5, NEBULA_TRACES_URL: "", NEBULA_TRACES_ONE_IN: 0 },
  });
  expect(status).toBe(0);
});
