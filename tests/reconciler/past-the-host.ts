/** Commits and references written straight into the forge's bare repository: what a Git host's own rules would not let through. */
import { execFileSync } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";
import type { World } from "./world.ts";

export type PastTheHost = {
  git(args: readonly string[], input?: string): string;
  /** A tree like that of `from` with these changes: text, null for gone, or a mode with an object that exists. */
  treeOf(
    from: string,
    changes: Readonly<Record<string, string | null | { readonly mode: string; readonly text: string }>>,
  ): string;
  commit(tree: string, ...parents: string[]): string;
  setRef(name: string, commit: string): void;
};

export function pastTheHost(world: World): PastTheHost {
  const [head] = globSync("**/*.git/HEAD", { cwd: world.forge.dataDir });
  const bare = join(world.forge.dataDir, (head ?? "").slice(0, -"/HEAD".length));
  const index = join(world.checkout, "..", "index");
  const identity = {
    GIT_AUTHOR_NAME: "Eve",
    GIT_AUTHOR_EMAIL: "eve@x",
    GIT_COMMITTER_NAME: "Eve",
    GIT_COMMITTER_EMAIL: "eve@x",
  };
  const git = (args: readonly string[], input?: string): string =>
    execFileSync("git", ["-C", bare, ...args], {
      env: { PATH: process.env.PATH, GIT_INDEX_FILE: index, ...identity },
      encoding: "utf8",
      stdio: ["pipe", "pipe", "pipe"],
      ...(input === undefined ? {} : { input }),
    }).trim();
  return {
    git,
    treeOf(from, changes) {
      git(["read-tree", from]);
      const lines = Object.entries(changes).flatMap(([path, change]) => {
        if (change === null)
          return git(["ls-files", "-z", "--", `:(literal)${path}`])
            .split("\0")
            .filter((file) => file !== "")
            .map((file) => `0 ${"0".repeat(40)}\t${file}\0`);
        const { mode, text } = typeof change === "string" ? { mode: "100644", text: change } : change;
        const hash = mode === "160000" ? text : git(["hash-object", "-w", "--stdin"], text);
        return [`${mode} ${hash}\t${path}\0`];
      });
      git(["update-index", "-z", "--index-info"], lines.join(""));
      return git(["write-tree"]);
    },
    commit: (tree, ...parents) =>
      git(["commit-tree", tree, "-m", "change", ...parents.flatMap((parent) => ["-p", parent])]),
    setRef: (name, commit) => void git(["update-ref", name, commit]),
  };
}
