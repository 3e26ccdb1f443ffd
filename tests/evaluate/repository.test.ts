import { createHash } from "node:crypto";
import { afterAll, expect, test } from "vitest";
import {
  type Entry,
  makeEvaluator,
  makeRepositoryEvaluator,
  projectInputs,
  repositoryInputs,
} from "../../platform/evaluate/index.ts";
import type { StackName } from "../../platform/spec/index.ts";
import { database, exampleTenants, projectFile } from "./repository.ts";

const evaluator = makeEvaluator();
afterAll(() => evaluator.close());

/** A revision as a listing and the texts behind it, and how often each text was read. */
function revision(files: ReadonlyMap<string, string>) {
  const blobs = new Map<string, string>();
  const asked: string[] = [];
  const entries = [...files].map(([path, text]): Entry => {
    const hash = createHash("sha1").update(text).digest("hex");
    blobs.set(hash, text);
    return { path, hash, mode: "100644" };
  });
  const read = async (hashes: readonly string[]) => {
    asked.push(...hashes);
    return new Map(hashes.map((hash) => [hash, blobs.get(hash) ?? ""]));
  };
  return { entries, read, asked };
}

const hashes = (files: ReadonlyMap<string, string>): Record<string, string> =>
  Object.fromEntries([...projectInputs(revision(files).entries)].map(([stack, { treeHash }]) => [stack, treeHash]));
const changed = (before: ReadonlyMap<string, string>, edit: (files: Map<string, string>) => void): string[] => {
  const after = new Map(before);
  edit(after);
  const [a, b] = [hashes(before), hashes(after)];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((stack) => a[stack] !== b[stack]).sort();
};

test("a project depends on its folder and on what its tenant shares, and on nothing else", () => {
  const files = exampleTenants();
  expect(Object.keys(hashes(files)).sort()).toEqual(["acme.analytics", "acme.shop", "lab.research"]);
  expect(changed(files, (it) => it.set("tenants/acme/shop/orders.ts", "x"))).toEqual(["acme.shop"]);
  expect(changed(files, (it) => it.set("tenants/acme/shop/lib/deep/x.ts", "x"))).toEqual(["acme.shop"]);
  expect(changed(files, (it) => it.set("tenants/acme/shared/backups.ts", "x"))).toEqual([
    "acme.analytics",
    "acme.shop",
  ]);
  expect(changed(files, (it) => it.set("tenants/acme/more.ts", "x"))).toEqual(["acme.analytics", "acme.shop"]);
  expect(changed(files, (it) => it.set("tenants/acme/tenant.ts", "x"))).toEqual([]);
  expect(changed(files, (it) => it.set("tenants/fleet/prices.ts", "x"))).toEqual([]);
  expect(changed(files, (it) => it.set("README.md", "x"))).toEqual([]);
  expect(changed(files, (it) => it.delete("tenants/lab/research/papers.ts"))).toEqual(["lab.research"]);
  expect(changed(files, (it) => it.set("tenants/lab/new/project.ts", projectFile))).toEqual(["lab.new"]);
  expect(changed(files, (it) => it.set("tenants/lab/notes/README.md", "x"))).toEqual([]);
});

test("the order of a listing does not matter, a file's mode does", () => {
  const { entries } = revision(exampleTenants());
  const hashOf = (list: readonly Entry[]) => projectInputs(list).get("acme.shop")?.treeHash;
  expect(hashOf([...entries].reverse())).toBe(hashOf(entries));
  const linked = entries.map((one) => (one.path.endsWith("orders.ts") ? { ...one, mode: "120000" } : one));
  expect(hashOf(linked)).not.toBe(hashOf(entries));
});

test("grouping 10,000 entries takes a moment, not a second", () => {
  const entries = Array.from({ length: 11_000 }, (_, i): Entry => {
    const [project, file] = [Math.floor(i / 11), i % 11];
    const name = file === 0 ? "project" : `db-${file}`;
    return { path: `tenants/t-${project % 100}/p-${project}/${name}.ts`, hash: String(i) };
  });
  const startedAt = performance.now();
  expect(repositoryInputs(entries).projects.size).toBe(1_000);
  expect(performance.now() - startedAt).toBeLessThan(1_000);
});

test("a second revision costs what changed in it, and says what that is", async () => {
  const repository = makeRepositoryEvaluator(evaluator);
  const files = exampleTenants();
  const first = revision(files);
  const one = await repository.evaluate(first.entries, first.read);
  expect([...one.changed].sort()).toEqual(["acme.analytics", "acme.shop", "lab.research"]);
  expect([...one.projects.values(), ...one.tenants.values()].every(({ evaluated }) => evaluated.kind === "ok")).toBe(
    true,
  );
  expect(one.fleet?.evaluated.kind).toBe("ok");
  expect(one.problems).toEqual([]);

  files.set("tenants/lab/research/papers.ts", database("papers", 'version: "17"'));
  const second = revision(files);
  const two = await repository.evaluate(second.entries, second.read);
  expect(two.changed).toEqual(["lab.research"]);
  expect(second.asked).toHaveLength(3);
  expect(two.projects.get("acme.shop" as StackName)).toEqual(one.projects.get("acme.shop" as StackName));
  expect(two.fleet).toEqual(one.fleet);
});

test("what is wrong with a revision as a whole is said, and its good projects still evaluate", async () => {
  const files = exampleTenants();
  const { entries, read } = revision(files);
  const strange: Entry[] = [
    ...entries,
    { path: "tenants/lab/research/link.ts", hash: "1", mode: "120000" },
    { path: "tenants/lab/vendor", hash: "2", mode: "160000" },
    { path: "tenants/Acme/tenant.ts", hash: "3", mode: "100644" },
  ];
  const evaluated = await makeRepositoryEvaluator(evaluator).evaluate(strange, read);
  expect(evaluated.problems.map(({ file, code }) => `${file} ${code}`).sort()).toEqual([
    "tenants/Acme/tenant.ts NEB124",
    "tenants/lab/research/link.ts NEB125",
    "tenants/lab/vendor NEB125",
  ]);
  expect(evaluated.projects.get("acme.shop" as StackName)?.evaluated.kind).toBe("ok");
});

test("an empty repository is a problem, not an empty set", async () => {
  const empty = await makeRepositoryEvaluator(evaluator).evaluate([], async () => new Map());
  expect(empty.problems).toMatchObject([{ code: "NEB123" }]);
  expect(empty.fleet).toBeNull();
});

test("the same text is evaluated once, whoever asks", async () => {
  const seen: string[] = [];
  const observed = makeEvaluator({
    observe: (one) => one.kind === "evaluate.done" && seen.push(`${one.stack} ${one.verdict}`),
  });
  const files = exampleTenants();
  await observed.project(files, "acme", "shop");
  files.set("tenants/lab/research/papers.ts", "anything");
  await observed.project(files, "acme", "shop");
  await observed.close();
  expect(seen).toEqual(["acme.shop ok", "acme.shop cached"]);
});

test("a closed evaluator refuses, and its child is gone", async () => {
  const closing = makeEvaluator();
  await closing.project(exampleTenants(), "acme", "shop");
  await closing.close();
  await expect(closing.project(exampleTenants(), "lab", "research")).rejects.toMatchObject({ code: "NEB130" });
});
