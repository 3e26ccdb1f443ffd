import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect } from "vitest";
import type { Secret } from "../../../platform/core/index.ts";
import { commitOn, newRepository, openPull, protection, type Repo, tip } from "./fixtures.ts";
import type { Suite } from "./suite.ts";
import { refusal } from "./target.ts";

const run = promisify(execFile);

/** The git of a person: own configuration, credentials by header. */
function personsGit(folder: string, token: Secret | undefined) {
  const header = token && `Authorization: Basic ${Buffer.from(`x-access-token:${token.reveal()}`).toString("base64")}`;
  const auth = header
    ? { GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "http.extraHeader", GIT_CONFIG_VALUE_0: header }
    : {};
  const env = {
    ...{
      PATH: process.env.PATH,
      HOME: folder,
      LC_ALL: "C",
      GIT_TERMINAL_PROMPT: "0",
      GIT_CONFIG_NOSYSTEM: "1",
      ...auth,
    },
    ...{ GIT_AUTHOR_NAME: "Ada", GIT_AUTHOR_EMAIL: "ada@example.com" },
    ...{ GIT_COMMITTER_NAME: "Ada", GIT_COMMITTER_EMAIL: "ada@example.com" },
  };
  return (...args: string[]) =>
    run("git", args, { cwd: folder, env, maxBuffer: 1 << 26 }).then(
      ({ stdout, stderr }) => ({ ok: true, said: stdout + stderr }),
      ({ stdout, stderr }) => ({ ok: false, said: String(stdout) + String(stderr) }),
    );
}

export function git({ bench, test }: Suite): void {
  const address = ({ owner, repo }: Repo) => `${bench().target.gitUrl}/${owner}/${repo}.git`;

  /** A clone in a folder of its own. */
  async function withClone(
    token: Secret | undefined,
    repo: Repo,
    body: (clone: Clone) => Promise<void>,
  ): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), "nebula-clone-"));
    try {
      const cloned = await personsGit(folder, token)("clone", "-q", address(repo), "work");
      expect(cloned.said).toBe("");
      const work = join(folder, "work");
      const call = personsGit(work, token);
      const commit = async (files: Record<string, string>, message = "Work") => {
        for (const [path, text] of Object.entries(files)) await writeFile(join(work, path), text);
        await call("add", "-A");
        await call("commit", "-q", "-m", message);
        return (await call("rev-parse", "HEAD")).said.trim();
      };
      await body({ git: call, commit });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  type Clone = {
    git: ReturnType<typeof personsGit>;
    commit(files: Record<string, string>, message?: string): Promise<string>;
  };

  describe("git over HTTP", () => {
    test("clones, pushes and fetches", async () => {
      const { as, target } = bench();
      const repo = await newRepository(bench());
      await withClone(target.tokens.admin, repo, async ({ git: call, commit }) => {
        await call("checkout", "-q", "-b", "work");
        const sha = await commit({ "a.txt": "a\n", "big.txt": "0123456789abcdef\n".repeat(20_000) });
        expect((await call("push", "-q", "origin", "work")).said).not.toMatch(/error|fatal/);
        expect(await tip(as.admin, repo, "work")).toBe(sha);
        const pull = await as.admin.pulls.create({ ...repo, title: "T", head: "work", base: "main" });
        const next = await commit({ "a.txt": "b\n" });
        await call("push", "-q", "origin", "work");
        const seen = (await as.admin.pulls.get({ ...repo, pull_number: pull.data.number })).data;
        expect(seen.head.sha).toBe(next);
        const merged = await as.admin.pulls.merge({ ...repo, pull_number: pull.data.number });
        expect((await call("pull", "-q", "origin", "main")).ok).toBe(true);
        expect((await call("rev-parse", "HEAD")).said.trim()).toBe(merged.data.sha);
        const head = await call("fetch", "-q", "origin", `refs/pull/${pull.data.number}/head`);
        expect(head.said).toBe("");
        expect((await call("push", "-q", "origin", "--delete", "work")).said).not.toMatch(/error|fatal/);
        expect((await call("ls-remote", "--heads", "origin")).said.trim().split("\n")).toHaveLength(1);
      });
    });

    test("serves shallow and partial clones", async () => {
      const { target } = bench();
      const repo = await newRepository(bench());
      const folder = await mkdtemp(join(tmpdir(), "nebula-clone-"));
      const call = personsGit(folder, target.tokens.reader);
      try {
        expect((await call("clone", "-q", "--depth=1", address(repo), "shallow")).said).toBe("");
        expect((await call("clone", "-q", "--filter=blob:none", address(repo), "partial")).said).toBe("");
        expect((await call("-c", "protocol.version=0", "clone", "-q", address(repo), "old")).said).toBe("");
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });

    test("asks for credentials, and holds them to their rights", async () => {
      const { target } = bench();
      const repo = await newRepository(bench());
      const folder = await mkdtemp(join(tmpdir(), "nebula-clone-"));
      try {
        const list = (token: Secret | undefined) => personsGit(folder, token)("ls-remote", address(repo));
        expect((await list(undefined)).said).toContain("could not read Username");
        expect((await list(target.tokens.stranger)).said).toMatch(/not found/);
        expect((await list(target.tokens.reader)).ok).toBe(true);
        const elsewhere = await personsGit(folder, target.tokens.admin)(
          "ls-remote",
          `${target.gitUrl}/${target.owner}/../../x.git`,
        );
        expect(elsewhere.ok).toBe(false);
        await withClone(target.tokens.reader, repo, async ({ git: call, commit }) => {
          await commit({ "a.txt": "a\n" });
          expect((await call("push", "origin", "HEAD:refs/heads/x")).said).toMatch(/403|not granted/);
        });
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });

    test("keeps a protected branch against pushes that break its rules", async () => {
      const { as, target } = bench();
      const repo = await newRepository(bench());
      const before = await tip(as.admin, repo);
      await as.admin.repos.updateBranchProtection({ ...repo, branch: "main", ...protection(["ci/a"]) });
      await withClone(target.tokens.admin, repo, async ({ git: call, commit }) => {
        const sha = await commit({ "a.txt": "a\n" });
        const direct = await call("push", "origin", "main", "main:refs/heads/free");
        expect(direct.said).toContain("Protected branch update failed for refs/heads/main.");
        expect(direct.said).toContain('Required status check "ci/a" is expected.');
        expect(await tip(as.admin, repo)).toBe(before);
        expect(await tip(as.admin, repo, "free")).toBe(sha);
        await as.admin.repos.createCommitStatus({ ...repo, sha, context: "ci/a", state: "success" });
        expect((await call("push", "-q", "origin", "main")).said).not.toContain("error");
        await as.admin.repos.createCommitStatus({ ...repo, sha: before, context: "ci/a", state: "success" });
        const forced = await call("push", "--force", "origin", `${before}:main`);
        expect(forced.said).toContain("Cannot force-push to this branch");
        expect((await call("push", "origin", "--delete", "main")).ok).toBe(false);
        expect(await tip(as.admin, repo)).toBe(sha);
        expect((await call("push", "--force", "origin", `${before}:free`)).ok).toBe(true);
      });
    });

    test("lets workflow files be changed only with the permission to do so, by push, REST and merge", async () => {
      const { as, target } = bench();
      const repo = await newRepository(bench());
      const path = ".github/workflows/ci.yml";
      await commitOn(as.admin, repo, "main", { [path]: "on: push\n" });
      await withClone(target.tokens.reviewer, repo, async ({ git: call, commit }) => {
        await commit({ "a.txt": "a\n" });
        expect((await call("push", "-q", "origin", "HEAD:refs/heads/fine")).said).not.toMatch(/error/);
        await commit({ [path]: "on: pull_request_target\n" });
        for (const branch of ["fine", "fresh"])
          expect((await call("push", "origin", `HEAD:refs/heads/${branch}`)).said).toContain("workflows permission");
        await call("reset", "-q", "--hard", "origin/main~1");
        await commit({ "b.txt": "from before the workflow\n" });
        expect((await call("push", "-q", "origin", "HEAD:refs/heads/older")).said).not.toMatch(/error/);
      });
      const change = { [path]: "on: schedule\n" };
      expect((await refusal(commitOn(as.reviewer, repo, "mine", change))).status).toBe(403);
      const { number, sha } = await openPull(as.admin, repo, "theirs", change);
      const merge = { ...repo, pull_number: number, sha };
      expect((await refusal(as.reviewer.pulls.merge(merge))).status).toBe(403);
      expect((await as.admin.pulls.merge(merge)).data.merged).toBe(true);
    });

    test("takes nobody's hand on pull request references", async () => {
      const { as, target } = bench();
      const repo = await newRepository(bench());
      await withClone(target.tokens.admin, repo, async ({ git: call, commit }) => {
        await commit({ "a.txt": "a\n" });
        expect((await call("push", "origin", "HEAD:refs/pull/1/head")).said).toMatch(/hidden ref|declined|rejected/);
        expect((await call("ls-remote", "origin", "refs/pull/*")).said).toBe("");
        await as.admin.repos.get(repo);
      });
    });
  });
}
