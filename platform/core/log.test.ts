import { spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const program = `
  import { makeLogger } from ${JSON.stringify(join(import.meta.dirname, "index.ts"))};
  const observe = makeLogger("test");
  for (let line = 0; line < 3; line += 1) {
    observe({ kind: "fault", where: "test", code: "NEB900", message: "x".repeat(100) });
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  process.stdout.write("alive");
`;

const runWith = (path: string) => {
  const stderr = openSync(path, "w");
  const args = ["--disable-warning=ExperimentalWarning", "--input-type=module", "--eval", program];
  const ran = spawnSync(process.execPath, args, {
    encoding: "utf8",
    timeout: 10_000,
    stdio: ["ignore", "pipe", stderr],
  });
  closeSync(stderr);
  return ran;
};

test.runIf(existsSync("/dev/full"))("a full disk under the log ends no process", () => {
  expect(runWith("/dev/full")).toMatchObject({ stdout: "alive", status: 0 });
});
