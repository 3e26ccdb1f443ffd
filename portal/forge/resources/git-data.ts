import { z } from "zod";
import { type Person, typeOfMode } from "../../../platform/git/index.ts";
import { now } from "../context.ts";
import { notFound, unprocessable } from "../http/refusal.ts";
import { param, parseBody, type RepositoryCall, repositoryRoute } from "../http/route.ts";
import { editTree, isTreePath, personOf, type TreeChange } from "../rules/commit-files.ts";
import { gitCommitToWire } from "../wire/commit.ts";
import { treeToWire } from "../wire/tree.ts";
import { nodeId } from "../wire/values.ts";

/** `git/blobs`, `git/trees` and `git/commits`: objects, without references. */
const sha = z.string().regex(/^[0-9a-f]{40}$/, "must be a full object hash");
const person = z.object({
  name: z.string().min(1),
  email: z.string().min(1),
  date: z.iso.datetime({ offset: true }).optional(),
});
const modes = ["100644", "100755", "040000", "160000", "120000"] as const;

const newTree = z.object({
  base_tree: z.string().optional(),
  tree: z
    .array(
      z.object({
        path: z.string().refine(isTreePath, "is not a path"),
        mode: z.enum(modes).default("100644"),
        type: z.enum(["blob", "tree", "commit"]).optional(),
        sha: sha.nullish(),
        content: z.string().optional(),
      }),
    )
    .max(100_000),
});

const newCommit = z.object({
  message: z.string().min(1),
  tree: sha,
  parents: z.array(sha).max(16).default([]),
  author: person.optional(),
  committer: person.optional(),
});

export const gitDataRoutes = [
  repositoryRoute("POST", "/git/blobs", ["contents:write"], async (call) => {
    const schema = z.object({ content: z.string(), encoding: z.enum(["utf-8", "base64"]).default("utf-8") });
    const { content, encoding } = parseBody(call, "Blob", schema);
    const hash = await call.git.hashObject(Buffer.from(content, encoding));
    const url = call.context.urls.repo(call.repository, `/git/blobs/${hash}`);
    return { status: 201, body: { sha: hash, url }, headers: { Location: url } };
  }),
  repositoryRoute("GET", "/git/blobs/:sha", ["contents:read"], async (call) => {
    const hash = fullHash(call);
    if ((await call.git.typeOf(hash)) !== "blob") throw notFound();
    const data = (await call.git.catFiles([hash])).get(hash) ?? Buffer.alloc(0);
    if (call.media === "raw") return { body: data, headers: { "Content-Type": "application/octet-stream" } };
    return {
      body: {
        sha: hash,
        node_id: nodeId("Blob", `${call.repository.id}:${hash}`),
        size: data.length,
        url: call.context.urls.repo(call.repository, `/git/blobs/${hash}`),
        content: wrapBase64(data),
        encoding: "base64",
      },
    };
  }),
  repositoryRoute("POST", "/git/trees", ["contents:write"], createTree),
  repositoryRoute("GET", "/git/trees/*sha", ["contents:read"], async (call) => {
    const hash = await call.git.revParse(param(call, "sha"), "tree");
    if (hash === undefined) throw notFound();
    const recursive = call.query.get("recursive");
    return { body: await treeToWire(call, hash, recursive !== null && recursive !== "") };
  }),
  repositoryRoute("POST", "/git/commits", ["contents:write"], createCommit),
  repositoryRoute("GET", "/git/commits/:sha", ["contents:read"], async (call) => {
    const commit = await call.git.commit(fullHash(call));
    if (commit === undefined) throw notFound();
    return { body: gitCommitToWire(call.context.urls, call.repository, commit) };
  }),
];

async function createTree(call: RepositoryCall) {
  const { git } = call;
  const body = parseBody(call, "Tree", newTree);
  const base = body.base_tree === undefined ? null : await git.revParse(body.base_tree, "tree");
  if (base === undefined) throw unprocessable("base_tree is not a valid tree");
  const written = await git.hashObjects(body.tree.flatMap(({ content }) => (content === undefined ? [] : [content])));
  let next = 0;
  const entries = body.tree.map((entry) => (entry.content === undefined ? entry : { ...entry, sha: written[next++] }));
  const changes = await Promise.all(
    entries.map(async ({ path, mode, sha: hash }): Promise<TreeChange> => {
      if (hash === undefined) throw unprocessable(`tree entry ${path} has neither sha nor content`);
      if (hash === null) return { path, entry: null };
      const type = mode === "160000" ? "commit" : await git.typeOf(hash);
      if (type !== typeOfMode(mode)) throw unprocessable(`tree.sha ${hash} is not a valid ${typeOfMode(mode)}`);
      return { path, entry: { mode, hash } };
    }),
  );
  const tree = (await editTree(git, base, changes)) ?? (await git.mktree([]));
  const wire = await treeToWire(call, tree, false);
  return { status: 201, body: wire, headers: { Location: wire.url } };
}

async function createCommit(call: RepositoryCall) {
  const { git, context, repository } = call;
  const body = parseBody(call, "Commit", newCommit);
  if ((await git.typeOf(body.tree)) !== "tree") throw unprocessable("Tree SHA does not exist");
  for (const parent of body.parents)
    if ((await git.typeOf(parent)) !== "commit")
      throw unprocessable("Parent SHA does not exist or is not a commit object");
  const at = now(context);
  const toPerson = (given: z.infer<typeof person>): Person => ({
    ...given,
    at: given.date === undefined ? at.getTime() : Date.parse(given.date),
  });
  const author = body.author ? toPerson(body.author) : personOf(call.caller.account(), at);
  const committer = body.committer ? toPerson(body.committer) : author;
  const hash = await git.commitTree({
    tree: body.tree,
    parents: body.parents,
    message: body.message,
    author,
    committer,
  });
  const commit = await git.commit(hash);
  if (commit === undefined) throw notFound();
  const wire = gitCommitToWire(context.urls, repository, commit);
  return { status: 201, body: wire, headers: { Location: wire.url } };
}

function fullHash(call: RepositoryCall): string {
  const hash = param(call, "sha");
  if (!/^[0-9a-f]{40}$/.test(hash))
    throw unprocessable("The sha parameter must be exactly 40 characters and contain only [0-9a-f].");
  return hash;
}

export const wrapBase64 = (data: Buffer): string =>
  data.toString("base64").replaceAll(/.{60}/g, "$&\n") + (data.length > 0 ? "\n" : "");
