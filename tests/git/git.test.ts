import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Secret } from "../../platform/core/index.ts";
import { emptyTree, type Git, initBare, isRefName, makeGit, requireGit, runGit } from "../../platform/git/index.ts";

let folder: string;
let git: Git;
const at = Date.UTC(2026, 0, 2, 3, 4, 5);
const author = { name: "Ada <x>", email: "ada@example.com", at };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "nebula-git-"));
  await initBare(join(folder, "a.git"), "main");
  git = makeGit(join(folder, "a.git"));
});
afterAll(async () => {
  git.close();
  await rm(folder, { recursive: true, force: true });
});

/** A tree from paths, one folder deep at most. */
async function tree(files: Record<string, string>): Promise<string> {
  const folders = new Map<string, Awaited<ReturnType<typeof entry>>[]>();
  const entry = async (path: string, text: string) => ({
    mode: "100644",
    type: "blob" as const,
    hash: await git.hashObject(text),
    path,
  });
  for (const [path, text] of Object.entries(files)) {
    const [first = "", second] = path.split("/");
    const key = second === undefined ? "" : first;
    folders.set(key, [...(folders.get(key) ?? []), await entry(second ?? first, text)]);
  }
  const root = [...(folders.get("") ?? [])] as Parameters<Git["mktree"]>[0][number][];
  for (const [name, entries] of folders)
    if (name !== "") root.push({ mode: "040000", type: "tree", hash: await git.mktree(entries), path: name });
  return git.mktree(root);
}
const commit = async (files: Record<string, string>, ...parents: string[]) =>
  git.commitTree({ tree: await tree(files), parents, message: "One\n\nbody\n", author });

test("git is new enough and an old one is named", async () => {
  expect(await requireGit()).toMatch(/^2\./);
});

test("objects, trees and commits are written and read back", async () => {
  const hash = await commit({ "a.txt": "one\n", "d/b c.txt": "two\n" });
  expect(await git.updateRef("refs/heads/main", hash, null)).toBe("updated");
  expect(await git.revParse("refs/heads/main")).toBe(hash);
  expect(await git.revParse("refs/heads/none")).toBeUndefined();
  expect(await git.typeOf("main")).toBe("commit");
  const read = await git.commit("main");
  expect(read).toMatchObject({
    hash,
    parents: [],
    message: "One\n\nbody\n",
    author: { name: "Ada x", at },
    signature: null,
  });
  expect((await git.lsTree("main")).map((e) => [e.mode, e.type, e.path])).toEqual([
    ["100644", "blob", "a.txt"],
    ["040000", "tree", "d"],
  ]);
  expect((await git.lsTree("main", "", { recursive: true })).map((e) => e.path)).toEqual(["a.txt", "d/b c.txt"]);
  expect((await git.lsTree("main", "/d/", { recursive: true })).map((e) => e.path)).toEqual(["d/b c.txt"]);
  expect((await git.lsTree("main", "d")).map((e) => e.path)).toEqual(["d/b c.txt"]);
  expect(await git.lsTree("main", "none")).toEqual([]);
  await expect(git.lsTree("refs/heads/none")).rejects.toMatchObject({ code: "NEB377" });
  const b = await git.entry("main", "d/b c.txt");
  expect((await git.catFiles([b?.hash ?? ""])).get(b?.hash ?? "")?.toString()).toBe("two\n");
  expect((await git.catFile("main", "a.txt"))?.toString()).toBe("one\n");
  expect(await git.catFile("main", "d")).toBeUndefined();
  await expect(git.catFiles(["0".repeat(40)])).rejects.toMatchObject({ code: "NEB377" });
});

test("a megabyte and a thousand questions at once come back in order", async () => {
  const big = Buffer.alloc(1 << 20, "x");
  const hash = await git.hashObject(big);
  const answers = await Promise.all(
    Array.from({ length: 1000 }, (_, i) =>
      i % 100 === 0 ? git.catFiles([hash]) : git.revParse(i % 2 ? "main" : "none"),
    ),
  );
  expect(answers[1]).toMatch(/^[0-9a-f]{40}$/);
  expect(answers[2]).toBeUndefined();
  expect((answers[100] as Map<string, Buffer>).get(hash)?.equals(big)).toBe(true);
});

test("many files become blobs or a commit in one process", async () => {
  const data = ["one", Buffer.from("two\0\n"), "", "tschüs\n", "data 5\ndone\n"];
  const hashes = await git.hashObjects(data);
  const read = await git.catFiles(hashes);
  expect(hashes.map((hash) => read.get(hash)?.toString())).toEqual(data.map(String));
  expect(await git.hashObjects([])).toEqual([]);
  const files = new Map(Array.from({ length: 2000 }, (_, i) => [`d${i % 50}/f ${i} "ü\\.txt`, `${i}\n`]));
  const made = await git.importFiles(files, { message: "All\n", author });
  const listed = await git.lsTree(made, "", { recursive: true });
  expect(listed.map(({ path }) => path).sort()).toEqual([...files.keys()].sort());
  expect((await git.catFile(made, 'd7/f 7 "ü\\.txt'))?.toString()).toBe("7\n");
  expect(await git.commit(made)).toMatchObject({ parents: [], message: "All\n", author: { name: "Ada x", at } });
  expect(await git.forEachRef("refs/import/")).toEqual([]);
});

test("paths that lead outside are not there, and what kills the reading process harms no other question", async () => {
  for (const path of ["..", "../HEAD", "d/../../HEAD", "./a.txt", "."]) {
    expect(await git.catFile("main", path)).toBeUndefined();
    expect(await git.entry("main", path)).toBeUndefined();
    expect(await git.lsTree("main", path)).toEqual([]);
  }
  const asked = await Promise.allSettled([
    ...[git.revParse("main"), git.revParse("main:../../HEAD"), git.revParse("main"), git.catFile("main", "a.txt")],
  ]);
  expect(asked.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled", "fulfilled"]);
  expect(asked[2]).toEqual(asked[0]);
});

test("a reference moves only from the value that was read", async () => {
  const main = (await git.revParse("main")) ?? "";
  const next = await commit({ "a.txt": "1\n" }, main);
  expect(await git.updateRef("refs/heads/cas", main, null)).toBe("updated");
  expect(await git.updateRef("refs/heads/cas", next, null)).toBe("moved");
  expect(await git.updateRef("refs/heads/cas", next, next)).toBe("moved");
  expect(await git.updateRef("refs/heads/cas", next, main)).toBe("updated");
  const both = [
    { name: "refs/heads/other", to: main, from: null },
    { name: "refs/heads/cas", to: main, from: main },
  ];
  expect(await git.updateRefs(both)).toBe("moved");
  expect(await git.revParse("refs/heads/other")).toBeUndefined();
  expect(await git.updateRef("refs/heads/cas/below", main, null)).toBe("moved");
  expect(await git.updateRef("refs/heads/cas", null, next)).toBe("updated");
  expect((await git.forEachRef("refs/heads/ma")).map((ref) => ref.name)).toEqual(["refs/heads/main"]);
});

test("merges are computed without a work tree and conflicts are named", async () => {
  const base = await commit({ "a.txt": "1\n2\n3\n", "b.txt": "b\n" });
  const ours = await commit({ "a.txt": "one\n2\n3\n", "b.txt": "b\n" }, base);
  const theirs = await commit({ "a.txt": "1\n2\nthree\n", "b.txt": "b\n", "c.txt": "c\n" }, base);
  const clash = await commit({ "a.txt": "uno\n2\n3\n", "b.txt": "b\n" }, base);
  const merged = await git.mergeTree(ours, theirs);
  expect(merged.kind).toBe("clean");
  expect(merged.kind === "clean" && (await git.catFile(merged.tree, "a.txt"))?.toString()).toBe("one\n2\nthree\n");
  expect(await git.mergeTree(ours, clash)).toEqual({ kind: "conflict", paths: ["a.txt"] });
  expect(await git.mergeBase(ours, theirs)).toBe(base);
  expect(await git.mergeBase(ours, await commit({ "z.txt": "z" }))).toBeUndefined();
  expect(await git.isAncestor(base, ours)).toBe(true);
  expect(await git.isAncestor(ours, base)).toBe(false);
  expect(await git.aheadBehind(ours, theirs)).toEqual({ ahead: 1, behind: 1 });
  expect(await git.revList(theirs, { exclude: base })).toEqual([theirs]);
  expect(await git.revList(theirs, { path: "c.txt" })).toEqual([theirs]);
});

test("changes carry status, rename, counts and patch", async () => {
  const body = Array.from({ length: 30 }, (_, i) => `line ${i}\n`).join("");
  const a = await commit({ "keep.txt": "1\n", "old.txt": body, "gone.txt": "g\n" });
  const b = await commit({ "keep.txt": "2\n", "d/new.txt": `${body}more\n`, "bin.dat": "\0\u0001\0" }, a);
  const found = await git.diffPatch(a, b);
  expect(found.map((f) => [f.status, f.path, f.previousPath, f.additions, f.deletions])).toEqual([
    ["added", "bin.dat", null, 0, 0],
    ["renamed", "d/new.txt", "old.txt", 1, 0],
    ["removed", "gone.txt", null, 0, 1],
    ["modified", "keep.txt", null, 1, 1],
  ]);
  expect(found[0]?.patch).toBeNull();
  expect(found[3]?.patch).toBe("@@ -1 +1 @@\n-1\n+2");
  expect((await git.diffTree(null, a)).map((f) => f.status)).toEqual(["added", "added", "added"]);
  expect((await git.diffTree(a, b, { paths: ["keep.txt"] })).map((f) => f.path)).toEqual(["keep.txt"]);
  expect(await git.diffTree(a, a)).toEqual([]);
  expect(await git.mktree([])).toBe(emptyTree);
});

test("a fetch mirrors another repository and says what is wrong with the address", async () => {
  const dir = join(folder, "b.git");
  await initBare(dir, "main");
  const mirror = makeGit(dir);
  await mirror.fetch(git.dir, ["+refs/heads/*:refs/heads/*"], { prune: true });
  expect(await mirror.revParse("main")).toBe(await git.revParse("main"));
  await expect(mirror.fetch(join(folder, "none.git"), ["main"])).rejects.toMatchObject({ code: "NEB378" });
  await expect(mirror.fetch("http://127.0.0.1:1/x.git", ["main"])).rejects.toMatchObject({
    code: "NEB375",
    retry: true,
  });
  await expect(mirror.fetch("ext::sh -c true", ["main"])).rejects.toMatchObject({ code: "NEB371" });
  mirror.close();
});

test("options, control characters and the environment do not get in", async () => {
  await expect(git.revParse("--help\nx")).rejects.toMatchObject({ code: "NEB376" });
  await expect(git.revList("--all")).rejects.toMatchObject({ code: "NEB376" });
  await expect(git.fetch("--upload-pack=touch /tmp/x", ["main"])).rejects.toMatchObject({ name: "NebulaError" });
  process.env.GIT_DIR = join(folder, "elsewhere");
  try {
    expect(await git.revParse("main")).toMatch(/^[0-9a-f]{40}$/);
    const { stdout } = await git.run(["var", "GIT_EDITOR"], { okCodes: [0, 1, 128] });
    expect(stdout.toString()).not.toContain("evil");
  } finally {
    delete process.env.GIT_DIR;
  }
  for (const bad of ["main", "refs/heads/", "refs/heads/a..b", "refs/heads/.a", "refs/heads/a.lock", "refs/heads/a b"])
    expect(isRefName(bad)).toBe(false);
  expect(isRefName("refs/heads/feature/x-1")).toBe(true);
});

test("a folder inside another repository that is none itself is not taken for it", async () => {
  const work = join(folder, "work");
  await mkdir(join(work, "inner"), { recursive: true });
  await runGit(undefined, ["init", "-q", "--", work]);
  await writeFile(join(work, "inner", "x"), "x");
  await expect(runGit(join(work, "inner"), ["status"])).rejects.toMatchObject({ code: "NEB371" });
});

test("a token is in no argument and in no message", async () => {
  const failed = git.fetch("http://127.0.0.1:1/x.git", ["main"], { token: new Secret("sesame-sesame") });
  await expect(failed).rejects.toThrow(expect.not.stringContaining("sesame"));
});

test("time and output are limited", async () => {
  await expect(git.run(["cat-file", "--batch-all-objects", "--batch"], { maxOutputBytes: 10 })).rejects.toMatchObject({
    code: "NEB373",
  });
  const silent = createServer((socket) => socket.resume());
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/x.git`;
  await expect(git.fetch(url, ["main"], { timeoutMs: 300 })).rejects.toMatchObject({ code: "NEB372", retry: true });
  await new Promise((resolve) => silent.close(resolve));
});
