/**
 * The vitest run of `nebula test`. Owns how files are chosen, how a report becomes a tally, and the second look.
 *
 * 1. Tests run beside each other on a machine whose other load nobody controls. Files that failed are run once more, alone, and what
 *    fails then has failed.
 * 2. What passes only then is named on standard error with its first failure: nothing becomes green unseen.
 * 3. A change that breaks many files gets no second look: that is no disturbance.
 */
import { type SpawnOptions, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { repository } from "../data-folder.ts";

export type Tally = { readonly passed: number; readonly failed: number };
export type Channel = Pick<SpawnOptions, "env" | "stdio">;

export const bin = (name: string) => join(repository, "node_modules/.bin", name);

/** More failed files than this are no disturbance. */
const secondLookAtMost = 8;

type VitestReport = {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly FileResult[];
};
type FileResult = {
  readonly name: string;
  readonly status: string;
  readonly assertionResults: readonly {
    readonly status: string;
    readonly fullName?: string;
    readonly failureMessages?: readonly string[];
  }[];
};

/** Without filters, everything. `folder` is for the reports. */
export async function runVitest(filters: readonly string[], folder: string, channel: Channel): Promise<Tally> {
  const first = await runFiles(filters, join(folder, "vitest.json"), channel);
  if (first.report === undefined) return { passed: 0, failed: 1 };
  const failed = failedFiles(first.report);
  // A run can fail without a failing test: an error outside of all tests, a file left behind by a teardown.
  if (failed.length === 0) return { passed: first.report.numPassedTests, failed: first.code === 0 ? 0 : 1 };
  if (failed.length > secondLookAtMost) return count(first.report);
  process.stderr.write(`\n${failed.length} files failed beside others; once more, alone\n`);
  const paths = failed.map(({ name }) => relative(repository, name));
  const second = await runFiles(paths, join(folder, "again.json"), channel, [
    "--maxWorkers=1",
    "--no-file-parallelism",
  ]);
  if (second.report === undefined) return count(first.report);
  for (const line of disturbed(first.report, second.report)) process.stderr.write(`${line}\n`);
  return merged(first.report, second.report);
}

export function count(report: VitestReport): Tally {
  const brokenFiles = report.testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
  );
  return { passed: report.numPassedTests, failed: report.numFailedTests + brokenFiles.length };
}

/** The first run, with what the second says of the files that are in both. */
export function merged(first: VitestReport, second: VitestReport): Tally {
  const again = new Set(second.testResults.map(({ name }) => name));
  const kept = first.testResults.filter(({ name }) => !again.has(name));
  const tests = kept.flatMap(({ assertionResults }) => assertionResults);
  const of = (status: string) => tests.filter((test) => test.status === status).length;
  const rest = count({ numPassedTests: of("passed"), numFailedTests: of("failed"), testResults: kept });
  const seen = count(second);
  return { passed: rest.passed + seen.passed, failed: rest.failed + seen.failed };
}

/** A line for each test that failed beside others and passed alone. */
export function disturbed(first: VitestReport, second: VitestReport): string[] {
  const held = new Set(second.testResults.filter(({ status }) => status === "passed").map(({ name }) => name));
  return failedFiles(first)
    .filter(({ name }) => held.has(name))
    .flatMap((file) => {
      const path = relative(repository, file.name);
      const tests = file.assertionResults.filter(({ status }) => status === "failed");
      if (tests.length === 0) return [`passed only alone: ${path} (could not be run the first time)`];
      return tests.map((test) => {
        const why = test.failureMessages?.[0]?.split("\n")[0] ?? "";
        return `passed only alone: ${path} > ${test.fullName ?? ""}: ${why}`;
      });
    });
}

const failedFiles = (report: VitestReport): readonly FileResult[] =>
  report.testResults.filter(({ status }) => status === "failed");

type Ran = { readonly code: number | null; readonly report: VitestReport | undefined };

async function runFiles(
  paths: readonly string[],
  report: string,
  channel: Channel,
  more: readonly string[] = [],
): Promise<Ran> {
  const code = await runNode(
    [
      ...[bin("vitest"), "run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`, ...more],
      ...paths.map((path) => join(repository, path)),
    ],
    channel,
  );
  return { code, report: existsSync(report) ? JSON.parse(readFileSync(report, "utf8")) : undefined };
}

export function runNode(args: readonly string[], channel: Channel): Promise<number | null> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", ...args], {
      ...channel,
      cwd: repository,
    });
    child.on("error", () => resolve(null));
    child.on("close", resolve);
  });
}
