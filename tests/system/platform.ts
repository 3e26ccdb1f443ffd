/** A whole platform as a user starts it: `./nebula up --detach` on a data folder and ports of its own. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "../harness/ports.ts";

export type Answer = { readonly code: number; readonly stdout: string; readonly stderr: string };

export type Platform = {
  readonly url: string;
  readonly forgeUrl: string;
  readonly forgeApiUrl: string;
  readonly data: string;
  readonly token: string;
  readonly forgeToken: string;
  /** Runs `./nebula` against this platform. Never throws: the exit code is part of the answer. */
  nebula(...args: string[]): Promise<Answer>;
  up(): Promise<Answer>;
  close(): Promise<void>;
};

const repository = join(import.meta.dirname, "..", "..");
const run = promisify(execFile);

export async function startPlatform(
  options: { readonly replicas?: number; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Platform> {
  const { replicas = 1 } = options;
  const data = await mkdtemp(join(tmpdir(), "nebula-system-"));
  const port = await freePort(200);
  const env = { ...process.env, NEBULA_DATA: data, NEBULA_URL: "", NEBULA_TOKEN: "", ...options.env };
  const nebula = (...args: string[]): Promise<Answer> =>
    run(join(repository, "nebula"), args, { env, maxBuffer: 64 << 20, timeout: 400_000 }).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      (failure: { code?: number; stdout?: string; stderr?: string; message: string }) => ({
        code: typeof failure.code === "number" ? failure.code : -1,
        stdout: failure.stdout ?? "",
        stderr: failure.stderr || failure.message,
      }),
    );
  const up = () => nebula("up", "--detach", "--port", String(port), "--replicas", String(replicas));
  const close = async () => {
    await nebula("down");
    await rm(data, { recursive: true, force: true });
  };
  const started = await up();
  if (started.code !== 0) {
    await close();
    throw new Error(`up ended with ${started.code}: ${started.stderr}`);
  }
  const secret = async (name: string) => (await readFile(join(data, "secrets", name), "utf8")).trim();
  return {
    url: `http://127.0.0.1:${port}`,
    forgeUrl: `http://127.0.0.1:${port + 1}`,
    forgeApiUrl: `http://127.0.0.1:${port + 1}/api/v3`,
    data,
    token: await secret("admin-token"),
    forgeToken: await secret("git-token"),
    nebula,
    up,
    close,
  };
}
