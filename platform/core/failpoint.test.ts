import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { failpoints } from "./failpoint.ts";

const script = `
  import { failpoint } from ${JSON.stringify(join(import.meta.dirname, "failpoint.ts"))};
  for (let i = 1; i <= 3; i++) { failpoint("deploy.claimed"); console.log(i); }`;
const run = (armed: string | undefined) => {
  const env = { ...process.env, ...(armed === undefined ? {} : { NEBULA_FAILPOINT: armed }) };
  const { signal, stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    env,
    encoding: "utf8",
  });
  return { signal, said: stdout.trim().split("\n").filter(Boolean) };
};

test("a failpoint does nothing until it is armed by name, and ends the process at the named hit", () => {
  expect(run(undefined)).toEqual({ signal: null, said: ["1", "2", "3"] });
  expect(run("deploy.ended")).toEqual({ signal: null, said: ["1", "2", "3"] });
  expect(run("deploy.claimed")).toEqual({ signal: "SIGKILL", said: [] });
  expect(run("deploy.claimed:3")).toEqual({ signal: "SIGKILL", said: ["1", "2"] });
});

test("every failpoint is passed by some code", () => {
  const root = join(import.meta.dirname, "..", "..");
  const files = globSync("{platform,reconciler,portal}/**/*.ts", { cwd: root }).filter(
    (file) => !file.endsWith(".test.ts") && !file.endsWith("failpoint.ts"),
  );
  const code = files.map((file) => readFileSync(join(root, file), "utf8")).join("\n");
  expect(failpoints.filter((name) => !code.includes(`failpoint("${name}")`))).toEqual([]);
});
