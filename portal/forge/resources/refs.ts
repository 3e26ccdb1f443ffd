import { z } from "zod";
import { isRefName, type Ref } from "../../../platform/git/index.ts";
import type { Context } from "../context.ts";
import { pageAnswer, pageOf, slicePage } from "../http/page.ts";
import { notFound, unprocessable } from "../http/refusal.ts";
import { param, parseBody, type RepositoryCall, repositoryRoute } from "../http/route.ts";
import { moveRef } from "../rules/move-ref.ts";
import type { Repository } from "../store/repositories.ts";
import { encodePath } from "../urls.ts";
import { nodeId } from "../wire/values.ts";

const sha = z.string().regex(/^[0-9a-f]{40}$/, "must be a full object hash");

export const refRoutes = [
  repositoryRoute("GET", "/git/ref/*ref", ["contents:read"], async (call) => {
    const name = `refs/${param(call, "ref")}`;
    if (!isRefName(name)) throw notFound();
    const info = await call.git.revParse(name);
    if (info === undefined) throw notFound();
    return {
      body: refToWire(call.context, call.repository, {
        name,
        hash: info,
        type: (await call.git.typeOf(info)) ?? "commit",
      }),
    };
  }),
  repositoryRoute("GET", "/git/matching-refs/*ref", ["contents:read"], async (call) => {
    const page = pageOf(call);
    const refs = await call.git.forEachRef(`refs/${param(call, "ref")}`);
    const items = slicePage(refs, page).map((ref) => refToWire(call.context, call.repository, ref));
    return pageAnswer(items, page, refs.length);
  }),
  repositoryRoute("POST", "/git/refs", ["contents:write"], async (call) => {
    const body = parseBody(call, "Reference", z.object({ ref: z.string(), sha }));
    if (!isRefName(body.ref))
      throw unprocessable("Reference name is not valid: it must begin with refs/ and have two slashes.");
    const type = await ownType(call, body.sha);
    await moveRef(call, body.ref, { from: null, to: body.sha });
    const wire = refToWire(call.context, call.repository, { name: body.ref, hash: body.sha, type });
    return { status: 201, body: wire, headers: { Location: wire.url } };
  }),
  repositoryRoute("PATCH", "/git/refs/*ref", ["contents:write"], async (call) => {
    const body = parseBody(call, "Reference", z.object({ sha, force: z.boolean().default(false) }));
    const name = `refs/${param(call, "ref")}`;
    const from = isRefName(name) ? await call.git.revParse(name) : undefined;
    if (from === undefined) throw unprocessable("Reference does not exist");
    const type = await ownType(call, body.sha);
    await moveRef(call, name, { from, to: body.sha, force: body.force });
    return { body: refToWire(call.context, call.repository, { name, hash: body.sha, type }) };
  }),
  repositoryRoute("DELETE", "/git/refs/*ref", ["contents:write"], async (call) => {
    const name = `refs/${param(call, "ref")}`;
    const from = isRefName(name) ? await call.git.revParse(name) : undefined;
    if (from === undefined) throw unprocessable("Reference does not exist");
    await moveRef(call, name, { from, to: null, force: true });
    return {};
  }),
];

async function ownType(call: RepositoryCall, hash: string) {
  const type = await call.git.typeOf(hash);
  if (type === undefined) throw unprocessable("Object does not exist");
  return type;
}

function refToWire({ urls }: Context, repository: Repository, { name, hash, type }: Ref) {
  return {
    ref: name,
    node_id: nodeId("Ref", `${repository.id}:${name}`),
    url: urls.repo(repository, `/git/${encodePath(name)}`),
    object: { sha: hash, type, url: urls.repo(repository, `/git/${type}s/${hash}`) },
  };
}
