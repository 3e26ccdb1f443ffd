import { describe, expect } from "vitest";
import { commitOn, newRepository, tip } from "./fixtures.ts";
import type { Suite } from "./suite.ts";
import { refusal } from "./target.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");

export function gitData({ bench, test }: Suite): void {
  describe("references, objects and contents", () => {
    test("makes, moves, lists and deletes references", async () => {
      const { as } = bench();
      const repo = await newRepository(bench());
      const main = await tip(as.admin, repo);
      const made = await as.admin.git.createRef({ ...repo, ref: "refs/heads/team/a", sha: main });
      expect(made.data).toMatchObject({ ref: "refs/heads/team/a", object: { type: "commit", sha: main } });
      const twice = await refusal(as.admin.git.createRef({ ...repo, ref: "refs/heads/team/a", sha: main }));
      expect(twice).toMatchObject({ status: 422, message: "Reference already exists" });
      const nowhere = await refusal(as.admin.git.createRef({ ...repo, ref: "refs/heads/b", sha: "1".repeat(40) }));
      expect(nowhere).toMatchObject({ status: 422, message: "Object does not exist" });
      for (const ref of ["heads/x", "refs/x", "refs/heads/a..b", "refs/heads/ x"])
        expect((await refusal(as.admin.git.createRef({ ...repo, ref, sha: main }))).status).toBe(422);
      const next = await commitOn(as.admin, repo, "team/a", { "a.txt": "a\n" });
      const names = (await as.admin.git.listMatchingRefs({ ...repo, ref: "heads/team" })).data.map(({ ref }) => ref);
      expect(names).toEqual(["refs/heads/team/a"]);
      const other = await commitOn(as.admin, repo, "team/b", { "b.txt": "b\n" });
      const sideways = await refusal(as.admin.git.updateRef({ ...repo, ref: "heads/team/a", sha: other }));
      expect(sideways).toMatchObject({ status: 422, message: "Update is not a fast forward" });
      await as.admin.git.updateRef({ ...repo, ref: "heads/team/a", sha: other, force: true });
      expect(await tip(as.admin, repo, "team/a")).toBe(other);
      await as.admin.git.deleteRef({ ...repo, ref: "heads/team/a" });
      expect((await refusal(as.admin.git.getRef({ ...repo, ref: "heads/team/a" }))).status).toBe(404);
      expect((await refusal(as.admin.git.deleteRef({ ...repo, ref: "heads/team/a" }))).status).toBe(422);
      expect((await as.admin.git.getCommit({ ...repo, commit_sha: next })).data.sha).toBe(next);
    });

    test("writes and reads blobs, trees and commits", async () => {
      const { as } = bench();
      const repo = await newRepository(bench());
      const main = await tip(as.admin, repo);
      const blob = await as.admin.git.createBlob({ ...repo, content: base64("héllo\0\n"), encoding: "base64" });
      const read = await as.admin.git.getBlob({ ...repo, file_sha: blob.data.sha });
      expect(Buffer.from(read.data.content, "base64").toString()).toBe("héllo\0\n");
      expect(read.data.size).toBe(8);
      const tree = await as.admin.git.createTree({
        ...repo,
        base_tree: main,
        tree: [
          { path: "deep/er/b.bin", mode: "100644", type: "blob", sha: blob.data.sha },
          { path: "run.sh", mode: "100755", type: "blob", content: "#!/bin/sh\n" },
          { path: "README.md", mode: "100644", type: "blob", sha: null },
        ],
      });
      const all = await as.admin.git.getTree({ ...repo, tree_sha: tree.data.sha, recursive: "1" });
      expect(all.data.tree.map(({ path, mode, type }) => `${mode} ${type} ${path}`)).toEqual([
        "040000 tree deep",
        "040000 tree deep/er",
        "100644 blob deep/er/b.bin",
        "100755 blob run.sh",
      ]);
      expect(all.data.truncated).toBe(false);
      expect((await as.admin.git.getTree({ ...repo, tree_sha: "main" })).data.tree).toHaveLength(1);
      const author = { name: "Ada", email: "ada@example.com", date: "2026-01-02T03:04:05Z" };
      const parents = [main];
      const commit = await as.admin.git.createCommit({ ...repo, message: "Née", tree: tree.data.sha, parents, author });
      expect(commit.data).toMatchObject({ message: "Née", author, committer: author, parents: [{ sha: main }] });
      const got = await as.admin.git.getCommit({ ...repo, commit_sha: commit.data.sha });
      expect(got.data).toEqual(commit.data);
    });

    test("refuses objects that cannot be", async () => {
      const { as } = bench();
      const repo = await newRepository(bench());
      const sha = "1".repeat(40);
      const tree = (path: string) =>
        as.admin.git.createTree({ ...repo, tree: [{ path, mode: "100644", type: "blob", content: "x" }] });
      for (const path of ["../x", ".git/config", "a//b", "", "a/.GIT/x"])
        expect((await refusal(tree(path))).status).toBe(422);
      const missing = { path: "x", mode: "100644" as const, type: "blob" as const, sha };
      expect((await refusal(as.admin.git.createTree({ ...repo, tree: [missing] }))).status).toBe(422);
      expect((await refusal(as.admin.git.createCommit({ ...repo, message: "m", tree: sha }))).status).toBe(422);
      expect((await refusal(as.admin.git.getBlob({ ...repo, file_sha: sha }))).status).toBe(404);
      expect((await refusal(as.admin.git.getCommit({ ...repo, commit_sha: sha }))).status).toBe(404);
      expect((await refusal(as.admin.git.getTree({ ...repo, tree_sha: sha }))).status).toBe(404);
    });

    test("reads, writes and deletes files by path", async () => {
      const { as } = bench();
      const repo = await newRepository(bench());
      const path = "docs/a file.md";
      const put = await as.admin.repos.createOrUpdateFileContents({
        ...repo,
        path,
        message: "Add",
        content: base64("one\n"),
      });
      expect(put.status).toBe(201);
      const file = (await as.admin.repos.getContent({ ...repo, path })).data as { sha: string; content: string };
      expect(Buffer.from(file.content, "base64").toString()).toBe("one\n");
      const change = { ...repo, path, message: "Change", content: base64("two\n") };
      expect((await refusal(as.admin.repos.createOrUpdateFileContents(change))).status).toBe(422);
      const stale = as.admin.repos.createOrUpdateFileContents({ ...change, sha: "1".repeat(40) });
      expect((await refusal(stale)).status).toBe(409);
      const second = await as.admin.repos.createOrUpdateFileContents({ ...change, sha: file.sha });
      expect(second.status).toBe(200);
      const raw = await as.admin.repos.getContent({ ...repo, path, mediaType: { format: "raw" } });
      expect(String(raw.data)).toBe("two\n");
      const folder = (await as.admin.repos.getContent({ ...repo, path: "docs" })).data as {
        name: string;
        type: string;
      }[];
      expect(folder.map(({ name, type }) => [name, type])).toEqual([["a file.md", "file"]]);
      expect((await as.admin.repos.getContent({ ...repo, path: "" })).data).toHaveLength(2);
      expect((await refusal(as.admin.repos.getContent({ ...repo, path: "none" }))).status).toBe(404);
      const sha = second.data.content?.sha ?? "";
      await as.admin.repos.deleteFile({ ...repo, path, message: "Remove", sha });
      expect((await refusal(as.admin.repos.getContent({ ...repo, path }))).status).toBe(404);
      expect((await as.admin.repos.getContent({ ...repo, path, ref: second.data.commit.sha ?? "" })).status).toBe(200);
    });

    test("lists, reads and compares commits", async () => {
      const { as } = bench();
      const repo = await newRepository(bench());
      const base = await tip(as.admin, repo);
      for (const n of [1, 2, 3])
        await commitOn(as.admin, repo, "line", { [`f${n}.txt`]: `${n}\n` }, { message: `c${n}` });
      const head = await commitOn(as.admin, repo, "side", { "g.txt": "g\n" });
      const all = await as.admin.paginate(as.admin.repos.listCommits, { ...repo, sha: "line", per_page: 2 });
      expect(all.map(({ commit }) => commit.message)).toEqual(["c3", "c2", "c1", "Initial commit"]);
      const one = await as.admin.repos.listCommits({ ...repo, sha: "line", path: "f2.txt" });
      expect(one.data.map(({ commit }) => commit.message)).toEqual(["c2"]);
      const shown = await as.admin.repos.getCommit({ ...repo, ref: "line" });
      expect(shown.data.files?.map(({ filename, status }) => [filename, status])).toEqual([["f3.txt", "added"]]);
      expect(shown.data.stats).toMatchObject({ additions: 1, deletions: 0, total: 1 });
      const ahead = (await as.admin.repos.compareCommitsWithBasehead({ ...repo, basehead: `${base}...line` })).data;
      expect(ahead).toMatchObject({ status: "ahead", ahead_by: 3, behind_by: 0, total_commits: 3 });
      expect(ahead.files).toHaveLength(3);
      const apart = (await as.admin.repos.compareCommitsWithBasehead({ ...repo, basehead: `line...${head}` })).data;
      expect(apart).toMatchObject({ status: "diverged", ahead_by: 1, behind_by: 3 });
      const same = (await as.admin.repos.compareCommitsWithBasehead({ ...repo, basehead: "line...line" })).data;
      expect(same).toMatchObject({ status: "identical", commits: [], files: [] });
      expect((await refusal(as.admin.repos.getCommit({ ...repo, ref: "none" }))).status).toBe(422);
    });

    test("answers 304 to whoever has the newest already", async () => {
      const { as } = bench();
      const repo = await newRepository(bench());
      const first = await as.admin.git.getRef({ ...repo, ref: "heads/main" });
      const headers = { "if-none-match": first.headers.etag };
      const again = await as.admin.git.getRef({ ...repo, ref: "heads/main", headers }).catch((thrown) => thrown);
      expect(again.status).toBe(304);
      await commitOn(as.admin, repo, "main", { "a.txt": "a\n" });
      const changed = await as.admin.git.getRef({ ...repo, ref: "heads/main", headers });
      expect(changed.status).toBe(200);
    });
  });
}
