import { pageAnswer, pageOf } from "../http/page.ts";
import { conflict, notFound, unprocessable } from "../http/refusal.ts";
import { type Answer, param, type RepositoryCall, repositoryRoute } from "../http/route.ts";
import { readAuthors } from "../store/accounts.ts";
import { encodePath } from "../urls.ts";
import { commitToWire, fileToWire, statsOf } from "../wire/commit.ts";
import { resolveCommit } from "./contents.ts";

export const commitRoutes = [
  repositoryRoute("GET", "/commits", ["contents:read"], async (call) => {
    const start = await resolveCommit(call, call.query.get("sha") || call.repository.defaultBranch);
    if (start === undefined) {
      if ((await call.git.forEachRef("refs/heads/")).length === 0) throw conflict("Git Repository is empty.");
      throw notFound();
    }
    const page = pageOf(call);
    const path = call.query.get("path");
    const found = await call.git.revList(start, {
      skip: page.offset,
      maxCount: page.size + 1,
      ...(path ? { path } : {}),
      ...timeBound(call, "since", "sinceMs"),
      ...timeBound(call, "until", "untilMs"),
    });
    const body = await commitsToWire(call, found.slice(0, page.size));
    return { body, page: { hasNext: found.length > page.size } };
  }),
  repositoryRoute("GET", "/commits/*ref", ["contents:read"], async (call) => {
    const ref = param(call, "ref");
    const hash = await resolveCommit(call, ref);
    if (hash === undefined) throw unprocessable(`No commit found for SHA: ${ref}`);
    if (call.media === "sha") return textAnswer(hash, "sha");
    const commit = await call.git.commit(hash);
    if (commit === undefined) throw notFound();
    const base = commit.parents[0] ?? null;
    if (call.media === "diff" || call.media === "patch") return patchAnswer(call, base, hash);
    const files = await call.git.diffPatch(base, hash);
    const [wire] = await commitsToWire(call, [hash]);
    const listed = files.slice(0, 300).map((file) => fileToWire(call.context.urls, call.repository, hash, file));
    return { body: { ...wire, stats: statsOf(files), files: listed } };
  }),
  repositoryRoute("GET", "/compare/*basehead", ["contents:read"], compare),
];

async function compare(call: RepositoryCall): Promise<Answer> {
  const { git, context, repository } = call;
  const [baseName, headName, ...more] = param(call, "basehead").split("...");
  if (!baseName || !headName || more.length > 0) throw notFound();
  const own = (name: string) => name.replace(new RegExp(`^${repository.owner.login}:`, "i"), "");
  const [base, head] = await Promise.all([resolveCommit(call, own(baseName)), resolveCommit(call, own(headName))]);
  if (base === undefined || head === undefined) throw notFound();
  const mergeBase = await git.mergeBase(base, head);
  if (mergeBase === undefined) throw notFound();
  if (call.media === "diff" || call.media === "patch") return patchAnswer(call, mergeBase, head);
  const page = pageOf(call, 100);
  const [{ ahead, behind }, files] = await Promise.all([git.aheadBehind(base, head), git.diffPatch(mergeBase, head)]);
  const hashes = await git.revList(head, { exclude: base, reverse: true });
  const [commits, [baseWire], [mergeBaseWire]] = await Promise.all([
    commitsToWire(call, hashes.slice(page.offset, page.offset + page.size)),
    commitsToWire(call, [base]),
    commitsToWire(call, [mergeBase]),
  ]);
  const range = `${encodePath(baseName)}...${encodePath(headName)}`;
  const html = context.urls.html(repository, `/compare/${range}`);
  const status = ahead > 0 ? (behind > 0 ? "diverged" : "ahead") : behind > 0 ? "behind" : "identical";
  const body = {
    url: context.urls.repo(repository, `/compare/${range}`),
    html_url: html,
    permalink_url: context.urls.html(repository, `/compare/${base.slice(0, 7)}...${head.slice(0, 7)}`),
    diff_url: `${html}.diff`,
    patch_url: `${html}.patch`,
    base_commit: baseWire,
    merge_base_commit: mergeBaseWire,
    status,
    ahead_by: ahead,
    behind_by: behind,
    total_commits: hashes.length,
    commits,
    // Files belong to the first page only.
    ...(page.number === 1
      ? { files: files.slice(0, 300).map((file) => fileToWire(context.urls, repository, head, file)) }
      : {}),
  };
  return pageAnswer(body, page, hashes.length);
}

export async function commitsToWire(
  call: Pick<RepositoryCall, "git" | "context" | "repository">,
  hashes: readonly string[],
) {
  const commits = (await Promise.all(hashes.map((hash) => call.git.commit(hash)))).filter(
    (commit) => commit !== undefined,
  );
  const authors = await readAuthors(
    call.context.sql,
    commits.flatMap(({ author, committer }) => [author.email, committer.email]),
  );
  return commits.map((commit) => commitToWire(call.context.urls, call.repository, commit, authors));
}

/** `application/vnd.github.diff` and `.patch`; the latter without mail headers. */
export async function patchAnswer(call: RepositoryCall, base: string | null, head: string): Promise<Answer> {
  const { stdout } = await call.git.run([
    ...[
      "diff-tree",
      "-p",
      "-r",
      "--root",
      "--find-renames",
      "--no-ext-diff",
      "--no-textconv",
      "--no-commit-id",
      "--full-index",
    ],
    ...(base === null ? [head] : [base, head]),
  ]);
  return textAnswer(stdout, call.media);
}

const textAnswer = (body: string | Buffer, media: string): Answer => ({
  body: Buffer.from(body),
  headers: { "Content-Type": `application/vnd.github.${media}; charset=utf-8` },
});

function timeBound(call: RepositoryCall, name: string, key: "sinceMs" | "untilMs") {
  const at = Date.parse(call.query.get(name) ?? "");
  return Number.isNaN(at) ? {} : { [key]: at };
}
