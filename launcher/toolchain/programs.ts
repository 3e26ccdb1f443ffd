/** Finding and running other people's programs: fixed arguments, no shell, output collected, a time limit. */
import { spawn } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

export type Ran = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

export type RunOptions = {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly timeoutMs?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly onLine?: (line: string) => void;
};

/** Every file of that name on PATH that can be executed, first come first. */
export function allOnPath(name: string, env: NodeJS.ProcessEnv): string[] {
  return (env.PATH ?? "")
    .split(delimiter)
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, name))
    .filter(isExecutable);
}

export const onPath = (name: string, env: NodeJS.ProcessEnv): string | undefined => allOnPath(name, env)[0];

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Runs a program to its end. A missing program ends with code null and says so in stderr. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { onLine, timeoutMs, ...rest } = options;
  return new Promise((resolve) => {
    const child = spawn(program, args, { ...rest, stdio: ["ignore", "pipe", "pipe"] });
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), timeoutMs);
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      for (const line of text.split("\n")) if (line.trim() !== "") onLine?.(line);
    });
    const end = (code: number | null) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr });
    };
    child.on("error", (error) => {
      stderr += error.message;
      end(null);
    });
    child.on("close", end);
  });
}

/** The last lines of a program's complaint, for an error message. */
export const tail = (text: string, lines = 4): string => text.trim().split("\n").slice(-lines).join("\n").trim();
