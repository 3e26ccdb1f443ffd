/** A person with an editor: a checkout of a platform's declarations, git, and the API of its Git host. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Octokit } from "@octokit/rest";
import type { Platform } from "./platform.ts";

/** Text by path; null is a file or folder that goes. */
export type Files = Readonly<Record<string, string | null>>;

export type Developer = {
  readonly checkout: string;
  readonly octokit: Octokit;
  /** In the checkout; what it prints. */
  git(...args: string[]): string;
  read(file: string): string;
  /** A branch of origin/main with these files, pushed, and a pull request of it. The checkout is at origin/main afterwards. */
  openPull(branch: string, files: Files): Promise<number>;
  leave(): void;
};

/** The repository of the declarations. */
export const at = { owner: "nebula", repo: "tenants" };
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

export function makeDeveloper({ forgeApiUrl, forgeUrl, forgeToken }: Platform): Developer {
  const octokit = new Octokit({ baseUrl: forgeApiUrl, auth: forgeToken, log: quiet });
  const checkout = mkdtempSync(join(tmpdir(), "nebula-checkout-"));
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=Dev", "-c", "user.email=dev@example.test", ...args], {
      cwd: checkout,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    }).trim();
  git("clone", "--quiet", `${forgeUrl.replace("http://", `http://developer:${forgeToken}@`)}/nebula/tenants.git`, ".");
  return {
    ...{ checkout, octokit, git },
    read: (file) => readFileSync(join(checkout, file), "utf8"),
    async openPull(branch, files) {
      git("switch", "--quiet", "--create", branch, "origin/main");
      for (const [file, text] of Object.entries(files)) {
        if (text === null) git("rm", "-r", "--quiet", file);
        else {
          mkdirSync(dirname(join(checkout, file)), { recursive: true });
          writeFileSync(join(checkout, file), text);
          git("add", file);
        }
      }
      git("commit", "--quiet", "--message", branch);
      git("push", "--quiet", "origin", branch);
      git("switch", "--quiet", "--detach", "origin/main");
      return (await octokit.rest.pulls.create({ ...at, title: branch, head: branch, base: "main" })).data.number;
    },
    leave: () => rmSync(checkout, { recursive: true, force: true }),
  };
}
