import { z } from "zod";
import type { TreeEntry } from "../../../platform/git/index.ts";
import { now } from "../context.ts";
import { conflict, notFound, unprocessable } from "../http/refusal.ts";
import { parseBody, type RepositoryCall, repositoryRoute } from "../http/route.ts";
import { editTree, isTreePath, personOf, type TreeChange } from "../rules/commit-files.ts";
import { moveRef } from "../rules/move-ref.ts";
import { encodePath } from "../urls.ts";
import { gitCommitToWire } from "../wire/commit.ts";
import { wrapBase64 } from "./git-data.ts";

const person = z.object({ name: z.string().min(1), email: z.string().min(1), date: z.string().optional() });
const change = z.object({
  message: z.string().min(1),
  sha: z.string().optional(),
  branch: z.string().optional(),
  author: person.optional(),
  committer: person.optional(),
});

export const contentRoutes = [
  repositoryRoute("GET", "/contents{/*path}", ["contents:read"], (call) => read(call, pathOf(call))),
  repositoryRoute("PUT", "/contents/*path", ["contents:write"], async (call) => {
    const body = parseBody(
      call,
      "Content",
      change.extend({ content: z.base64().or(z.string().regex(/^[A-Za-z0-9+/=\s]*$/)) }),
    );
    const path = pathOf(call);
    if (!isTreePath(path)) throw unprocessable("path contains a malformed path component");
    const { existing } = await locate(call, body.branch, path);
    if (existing !== undefined && existing.type !== "blob") throw unprocessable(`${path} is not a file`);
    if (existing !== undefined && body.sha === undefined)
      throw unprocessable(`Invalid request.\n\n"sha" wasn't supplied.`);
    if (body.sha !== undefined && existing?.hash !== body.sha) throw conflict(`${path} does not match ${body.sha}`);
    const hash = await call.git.hashObject(Buffer.from(body.content, "base64"));
    const commit = await commitChange(call, body, { path, entry: { mode: existing?.mode ?? "100644", hash } });
    const entry = await call.git.entry(commit.hash, path);
    const content = entry === undefined ? null : await entryToWire(call, entry, commit.hash);
    return { status: existing === undefined ? 201 : 200, body: { content, commit: commit.wire } };
  }),
  repositoryRoute("DELETE", "/contents/*path", ["contents:write"], async (call) => {
    const given = call.body ?? Object.fromEntries(call.query);
    const body = parseBody({ ...call, body: given }, "Content", change.extend({ sha: z.string() }));
    const path = pathOf(call);
    const { existing } = await locate(call, body.branch, path);
    if (existing === undefined) throw notFound();
    if (existing.hash !== body.sha) throw conflict(`${path} does not match ${body.sha}`);
    const commit = await commitChange(call, body, { path, entry: null });
    return { status: 200, body: { content: null, commit: commit.wire } };
  }),
];

const pathOf = (call: RepositoryCall) => (call.params.path ?? "").replaceAll(/^\/+|\/+$/g, "");

async function locate(call: RepositoryCall, branch: string | undefined, path: string) {
  const tip = await call.git.revParse(`refs/heads/${branch ?? call.repository.defaultBranch}`);
  if (tip === undefined) {
    const isEmpty = (await call.git.forEachRef("refs/heads/")).length === 0;
    if (branch !== undefined || !isEmpty) throw notFound();
    return { existing: undefined };
  }
  return { existing: await call.git.entry(tip, path) };
}

async function commitChange(call: RepositoryCall, body: z.infer<typeof change>, treeChange: TreeChange) {
  const { git, context, repository } = call;
  const name = `refs/heads/${body.branch ?? repository.defaultBranch}`;
  const tip = (await git.revParse(name)) ?? null;
  const tree =
    (await editTree(git, tip === null ? null : await treeOf(call, tip), [treeChange])) ?? (await git.mktree([]));
  const at = now(context);
  const self = personOf(call.caller.account(), at);
  const author = body.author ? { ...body.author, at: at.getTime() } : self;
  const committer = body.committer ? { ...body.committer, at: at.getTime() } : author;
  const parents = tip === null ? [] : [tip];
  const hash = await git.commitTree({ tree, parents, message: body.message, author, committer });
  await moveRef(call, name, { from: tip, to: hash });
  const commit = await git.commit(hash);
  if (commit === undefined) throw notFound();
  return { hash, wire: gitCommitToWire(context.urls, repository, commit) };
}

async function treeOf(call: RepositoryCall, commit: string): Promise<string> {
  const tree = await call.git.revParse(commit, "tree");
  if (tree === undefined) throw notFound();
  return tree;
}

async function read(call: RepositoryCall, path: string) {
  const { git } = call;
  const ref = call.query.get("ref") || call.repository.defaultBranch;
  const commit = (await resolveCommit(call, ref)) ?? undefined;
  if (commit === undefined) throw notFound();
  const entry = path === "" ? undefined : await git.entry(commit, path);
  if (path !== "" && entry === undefined) throw notFound();
  if (entry === undefined || entry.type === "tree") {
    const entries = await git.lsTree(commit, path);
    const wire = await Promise.all(entries.map((child) => entryToWire(call, child, ref)));
    if (call.media !== "object") return { body: wire };
    const tree = entry?.hash ?? (await treeOf(call, commit));
    const self = await entryToWire(call, { mode: "040000", type: "tree", hash: tree, path }, ref);
    return { body: { ...self, entries: wire } };
  }
  if (entry.type === "blob" && call.media === "raw") {
    const data = (await git.catFiles([entry.hash])).get(entry.hash) ?? Buffer.alloc(0);
    return { body: data, headers: { "Content-Type": "application/vnd.github.raw; charset=utf-8" } };
  }
  return { body: await fileToWire(call, entry, ref) };
}

/** A branch, a tag or a hash, as GitHub resolves `ref`. */
export async function resolveCommit({ git }: Pick<RepositoryCall, "git">, ref: string): Promise<string | undefined> {
  if (/[\s~^:?*[\\]|\.\.|@\{/.test(ref)) return undefined;
  if (ref.startsWith("refs/")) return git.revParse(ref, "commit");
  for (const name of [`refs/heads/${ref}`, `refs/tags/${ref}`, `refs/${ref}`]) {
    const found = await git.revParse(name, "commit");
    if (found !== undefined) return found;
  }
  return /^[0-9a-f]{7,40}$/.test(ref) ? git.revParse(ref, "commit") : undefined;
}

async function entryToWire(call: RepositoryCall, entry: TreeEntry, ref: string) {
  const { urls } = call.context;
  const path = encodePath(entry.path);
  const self = urls.repo(call.repository, `/contents/${path}?ref=${encodeURIComponent(ref)}`);
  const kind = kindOf(entry);
  const isTree = entry.type === "tree";
  const size = entry.type === "blob" ? await sizeOf(call, entry.hash) : 0;
  const git = entry.type === "commit" ? null : urls.repo(call.repository, `/git/${entry.type}s/${entry.hash}`);
  const html =
    entry.type === "commit"
      ? null
      : urls.html(call.repository, `/${isTree ? "tree" : "blob"}/${encodePath(ref)}/${path}`);
  return {
    name: entry.path.split("/").at(-1) ?? "",
    path: entry.path,
    sha: entry.hash,
    size,
    url: self,
    html_url: html,
    git_url: git,
    download_url: entry.type === "blob" ? urls.html(call.repository, `/raw/${encodePath(ref)}/${path}`) : null,
    type: kind,
    _links: { self, git, html },
  };
}

async function fileToWire(call: RepositoryCall, entry: TreeEntry, ref: string) {
  const wire = await entryToWire(call, entry, ref);
  if (wire.type === "submodule") return { ...wire, submodule_git_url: call.context.urls.html(call.repository) };
  const data = (await call.git.catFiles([entry.hash])).get(entry.hash) ?? Buffer.alloc(0);
  if (wire.type === "symlink") return { ...wire, target: data.toString("utf8") };
  // Beyond a megabyte GitHub gives the address and no content.
  const isLarge = data.length > 1024 * 1024;
  return { ...wire, content: isLarge ? "" : wrapBase64(data), encoding: isLarge ? "none" : "base64" };
}

function kindOf({ mode, type }: TreeEntry): "file" | "dir" | "symlink" | "submodule" {
  if (type === "tree") return "dir";
  if (type === "commit") return "submodule";
  return mode === "120000" ? "symlink" : "file";
}

const sizeOf = async ({ git }: RepositoryCall, hash: string): Promise<number> =>
  (await git.infoOf(hash))?.sizeBytes ?? 0;
