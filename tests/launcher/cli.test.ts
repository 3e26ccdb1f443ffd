import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { count, disturbed, exitCodeOf, merged, testFile } from "../../launcher/index.ts";

const cli = join(import.meta.dirname, "../../launcher/cli.ts");
let data: string;
beforeAll(() => {
  data = mkdtempSync(join(tmpdir(), "nebula-cli-"));
});
afterAll(() => rmSync(data, { recursive: true, force: true }));

const nebula = (...args: string[]) =>
  spawnSync(process.execPath, [cli, ...args], { encoding: "utf8", env: { ...process.env, NEBULA_DATA: data } });

test("wrong usage ends with 2 and keeps standard output clean", () => {
  for (const args of [["frobnicate"], ["up", "--port", "x"], ["completion", "fish"], ["status", "-o", "xml"]])
    expect(nebula(...args)).toMatchObject({ status: 2, stdout: "" });
});

test("help is data and ends with 0", () => {
  const help = nebula("--help");
  expect(help.status).toBe(0);
  for (const name of ["up", "down", "status", "test", "bench", "doctor", "completion"])
    expect(help.stdout).toContain(`  ${name}`);
});

test("an unknown bench names the known ones and ends with 4", () => {
  const ran = nebula("bench", "nope");
  expect(ran).toMatchObject({ status: 4, stdout: "" });
  expect(ran.stderr).toContain("NEB928 there is no bench nope");
  expect(ran.stderr).toContain("up");
});

test("one row is run by the path of its file; what is no test file is refused by name", () => {
  const help = nebula("test", "--help").stdout;
  expect(help).toContain("tests/faults/");
  expect(help).toContain("NEBULA_SEED");
  expect(testFile("tests/launcher/cli.test.ts")).toBe("tests/launcher/cli.test.ts");
  expect(testFile(import.meta.filename)).toBe("tests/launcher/cli.test.ts");
  for (const other of ["tests/launcher/nothing.test.ts", "tests/launcher/platform.ts", "/etc/x.test.ts", "faults"])
    expect(testFile(other)).toBeUndefined();
  const ran = nebula("test", "tests/faults/nothing.test.ts");
  expect(ran).toMatchObject({ status: 4, stdout: "" });
  expect(ran.stderr).toContain("NEB928 there is no test file tests/faults/nothing.test.ts");
});

test("a restore says what its default is, and a passphrase's file that others may read is refused by code", () => {
  expect(nebula("restore", "--help").stdout).toMatch(/default:\s+as\s+late\s+as\s+possible/);
  const file = join(data, "passphrase");
  writeFileSync(file, "correct horse battery staple\n", { mode: 0o644 });
  const ran = nebula("restore", "--from", data, "--passphrase-file", file);
  expect(ran.status).toBe(1);
  expect(ran.stderr).toMatch(/NEB941 .*chmod 600/);
});

test("a failure in JSON is one object on standard error", () => {
  expect(JSON.parse(nebula("bench", "nope", "-o", "json").stderr)).toMatchObject({ error: { code: "NEB928" } });
});

test("status and down of a platform that does not run say so and succeed", () => {
  expect(JSON.parse(nebula("status", "-o", "json").stdout)).toMatchObject({ running: false, processes: [] });
  expect(JSON.parse(nebula("down", "-o", "json").stdout)).toMatchObject({ stopped: [] });
  expect(nebula("status", "-o", "yaml").stdout).toContain("running: false");
});

test("doctor names every tool with what to do where it is not well", () => {
  const { findings } = JSON.parse(nebula("doctor", "-o", "json").stdout) as {
    findings: { name: string; state: string; advice: string }[];
  };
  expect(findings.map((finding) => finding.name)).toEqual(
    expect.arrayContaining([
      "node",
      "npm",
      "git",
      "postgres",
      "pulumi",
      "go",
      "python3",
      "ports",
      "data folder",
      "cgroup",
    ]),
  );
  for (const finding of findings) expect(finding.state === "ok" || finding.advice !== "").toBe(true);
});

test.each([
  ["nebula d", ["down", "doctor", "db", "demo", "drift"]],
  ["nebula up --d", ["--detach", "--data"]],
  ["nebula status -o ", ["table", "json", "yaml"]],
  ["nebula completion ", ["bash", "zsh", "-o", "--output", "--help"]],
])("bash completes `%s`", (line, expected) => {
  const words = line.split(" ");
  const script = `${nebula("completion", "bash").stdout}
    COMP_WORDS=(${words.map((word) => `"${word}"`).join(" ")}) COMP_CWORD=${words.length - 1}
    _nebula; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const ran = spawnSync("bash", ["-c", script], { encoding: "utf8" });
  expect(ran.stdout.trim().split("\n").sort()).toEqual([...expected].sort());
});

test("exit codes follow the kind of failure", () => {
  const codes = [{ status: 401 }, { status: 404 }, { status: 409 }, { status: 408 }, { exitCode: 6 }, new Error("x")];
  expect(codes.map(exitCodeOf)).toEqual([3, 4, 5, 7, 6, 1]);
});

const beside = [file("a", "passed", "passed"), file("b", "failed", "failed"), file("c", "failed")];

test("a test file that could not be run counts as failed", () => {
  expect(count({ numPassedTests: 7, numFailedTests: 1, testResults: beside })).toEqual({ passed: 7, failed: 2 });
});

test("a file that failed counts by its second look, and what passed only alone is named", () => {
  const first = { numPassedTests: 2, numFailedTests: 1, testResults: beside };
  const alone = { ...file("b", "passed", "passed"), name: beside[1]?.name ?? "" };
  const second = { numPassedTests: 1, numFailedTests: 0, testResults: [alone, file("c", "failed")] };
  expect(merged(first, second)).toEqual({ passed: 2, failed: 1 });
  expect(disturbed(first, second)).toEqual(["passed only alone: b > b passes: Error: not in time"]);
});

/** Of a report: a file with one test, or with none when it could not be run. */
function file(name: string, status: string, test?: string) {
  const failureMessages = test === "failed" ? ["Error: not in time\n  at"] : [];
  const assertionResults = test === undefined ? [] : [{ status: test, fullName: `${name} passes`, failureMessages }];
  return { name: join(import.meta.dirname, "../..", name), status, assertionResults };
}
