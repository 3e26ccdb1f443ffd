import { gitMissing } from "./errors.ts";
import { runGit } from "./run.ts";

export const minimumGit = "2.38";

/** Makes an empty bare repository. Harmless when it exists. */
export async function initBare(dir: string, defaultBranch: string): Promise<void> {
  await runGit(undefined, ["init", "--quiet", "--bare", "--template=", `--initial-branch=${defaultBranch}`, "--", dir]);
}

/** The version of git on PATH. @throws NEB370 when there is none or it is older than 2.38 (`merge-tree --write-tree`). */
export async function requireGit(): Promise<string> {
  const { stdout } = await runGit(undefined, ["version"]);
  const version = /(\d+)\.(\d+)[.\d]*/.exec(stdout.toString("utf8"));
  const [major = 0, minor = 0] = [Number(version?.[1]), Number(version?.[2])];
  if (version === null || major < 2 || (major === 2 && minor < 38))
    throw gitMissing(`git ${version?.[0] ?? "of an unknown version"} is older than ${minimumGit}`);
  return version[0];
}

/** Packs loose objects and drops what no reference reaches any more and is older than two weeks. */
export async function maintain(dir: string): Promise<void> {
  await runGit(dir, ["gc", "--auto", "--quiet"], {
    config: { "gc.auto": "6700", "gc.autoDetach": "false" },
    timeoutMs: 600_000,
  });
}
