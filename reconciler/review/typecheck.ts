/**
 * Types of declarations, by the native `tsc` in a child process. Owns the temporary checkout, the child and its limits.
 *
 * 1. tsc reads text and never runs it; the child has no environment and cannot write files.
 * 2. The configuration is ours: nothing of the head's tsconfig or package.json is used.
 * 3. Time, memory and output are limited; a child beyond them is killed and the check ends as `failed`, never as passed.
 * 4. Only what lies inside the checkout is reported; a file that points outside it is refused before tsc sees it.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, posix } from "node:path";
import type { DeclarationProblem } from "../../platform/spec/index.ts";
import { outsideImport, typeError } from "./errors.ts";

export type TypeReport =
  | { readonly kind: "ok" }
  | { readonly kind: "problems"; readonly problems: readonly DeclarationProblem[] }
  | { readonly kind: "failed"; readonly message: string };

export type TypeLimits = { readonly timeoutMs: number; readonly memoryKib: number; readonly outputBytes: number };
const defaultLimits: TypeLimits = { timeoutMs: 10_000, memoryKib: 2_000_000, outputBytes: 1_000_000 };

const root = join(import.meta.dirname, "../..");
const vocabulary = join(root, "platform/declare/index.ts");
const nativeTsc = join(root, `node_modules/@typescript/typescript-${process.platform}-${process.arch}/lib/tsc`);
const launcher = join(root, "node_modules/@typescript/native/bin/tsc");

/** Checks declarations; the keys are repository-relative paths below tenants/. */
export async function checkTypes(
  files: ReadonlyMap<string, string>,
  { signal, limits = defaultLimits }: { readonly signal?: AbortSignal; readonly limits?: TypeLimits } = {},
): Promise<TypeReport> {
  const typed = [...files].filter(([path]) => path.endsWith(".ts"));
  const outside = typed.flatMap(([path, text]) => pointersOutside(path, text));
  if (outside.length > 0) return { kind: "problems", problems: outside };
  if (typed.length === 0) return { kind: "ok" };
  const folder = await mkdtemp(join(tmpdir(), "nebula-types-"));
  try {
    await checkOut(folder, typed);
    return await runTsc(folder, limits, signal);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function checkOut(folder: string, files: readonly (readonly [string, string])[]): Promise<void> {
  const folders = new Set(files.map(([path]) => dirname(join(folder, path))));
  await Promise.all([...folders].map((one) => mkdir(one, { recursive: true })));
  await Promise.all([
    writeFile(join(folder, "tsconfig.json"), JSON.stringify(configuration)),
    writeFile(join(folder, "package.json"), '{"type":"module"}'),
    ...files.map(([path, text]) => writeFile(join(folder, path), text)),
  ]);
}

/** As strict as the tsconfig that a tenant repository is seeded with. */
const configuration = {
  compilerOptions: {
    target: "es2024",
    lib: ["es2024"],
    module: "nodenext",
    moduleResolution: "nodenext",
    moduleDetection: "force",
    types: [],
    noEmit: true,
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    verbatimModuleSyntax: true,
    erasableSyntaxOnly: true,
    allowImportingTsExtensions: true,
    skipLibCheck: true,
    paths: { "@nebuladb/platform": [vocabulary] },
  },
  include: ["tenants"],
};

function runTsc(folder: string, limits: TypeLimits, signal?: AbortSignal): Promise<TypeReport> {
  const command = existsSync(nativeTsc) ? [nativeTsc] : [process.execPath, launcher];
  // The shell only sets limits: address space (where the system has that limit), processor seconds, no file writes.
  const limit = `ulimit -v ${limits.memoryKib} 2>/dev/null; ulimit -t ${Math.ceil(limits.timeoutMs / 1000) + 1}; ulimit -f 0; exec "$@"`;
  const args = ["-c", limit, "tsc", ...command, "-p", folder, "--pretty", "false"];
  return new Promise((resolve) => {
    const child = spawn("/bin/sh", args, { cwd: folder, env: {}, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let stopped: string | undefined;
    const stop = (reason: string) => {
      stopped ??= reason;
      if (child.pid !== undefined) killGroup(child.pid);
    };
    const timer = setTimeout(() => stop(`the types took longer than ${limits.timeoutMs / 1000} s`), limits.timeoutMs);
    const abort = () => stop("a newer push came");
    signal?.addEventListener("abort", abort, { once: true });
    const collect = (chunk: Buffer) => {
      output += chunk.toString("utf8");
      if (output.length > limits.outputBytes) stop("the types have more to complain about than is worth reading");
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    const end = (report: TypeReport) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      resolve(report);
    };
    child.on("error", (problem) => end({ kind: "failed", message: `tsc could not be started: ${problem.message}` }));
    child.on("close", (exitCode) => {
      if (stopped !== undefined) return end({ kind: "failed", message: stopped });
      const problems = parseDiagnostics(output);
      if (problems.length > 0) return end({ kind: "problems", problems });
      if (exitCode === 0) return end({ kind: "ok" });
      end({ kind: "failed", message: `tsc ended with code ${exitCode}: ${firstLine(output)}` });
    });
    if (signal?.aborted) abort();
  });
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // it has ended already
  }
}

/** `path(line,column): error TS1234: message`, with indented lines that go on. */
export function parseDiagnostics(output: string): DeclarationProblem[] {
  const problems: DeclarationProblem[] = [];
  for (const line of output.split("\n")) {
    const found = /^(tenants\/.+?)\((\d+),(\d+)\): error (TS\d+): (.*)$/.exec(line);
    const last = problems.at(-1);
    if (found) {
      const [, file = "", row, column, code, message] = found;
      problems.push({
        file,
        line: Number(row),
        column: Number(column),
        code: typeError.definition.code,
        message: `${message} (${code})`,
        hint: typeError.definition.hint,
      });
    } else if (last && /^\s+\S/.test(line) && last.message.length < 500) {
      problems[problems.length - 1] = { ...last, message: `${last.message} ${line.trim()}` };
    }
  }
  return problems;
}

const pointer =
  /(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*|^\s*\/\/\/\s*<reference\s+(?:path|types|lib)\s*=\s*)(["'`])((?:(?!\1).)*)\1/gm;

/** Imports and references that leave the tenant's own folder. The sandbox refuses them too; tsc must not even read them. */
function pointersOutside(path: string, text: string): DeclarationProblem[] {
  const own = path.split("/").slice(0, 2).join("/");
  return [...text.matchAll(pointer)].flatMap((found) => {
    const target = found[2] ?? "";
    const isReference = found[0].includes("///");
    if (!isReference && target === "@nebuladb/platform") return [];
    const inside = /^\.\.?\//.test(target) && posix.join(posix.dirname(path), target).startsWith(`${own}/`);
    if (!isReference && inside) return [];
    const before = text.slice(0, found.index + found[0].length - target.length - 1).split("\n");
    return [
      {
        file: path,
        line: before.length,
        column: (before.at(-1)?.length ?? 0) + 1,
        code: outsideImport.definition.code,
        message: `${isReference ? "a reference to" : "an import of"} ${JSON.stringify(target.slice(0, 100))}`,
        hint: outsideImport.definition.hint,
      },
    ];
  });
}

const firstLine = (text: string): string => (text.trim().split("\n")[0] ?? "").slice(0, 200);
