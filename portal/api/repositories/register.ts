import { randomBytes } from "node:crypto";
import type { z } from "zod";
import { newId, Secret, safeUrl } from "../../../platform/core/index.ts";
import { type GitHub, type GitHubAuth, githubNotFound } from "../../../platform/github/index.ts";
import { notify } from "../../../platform/sql/index.ts";
import {
  findRepository,
  getRepository,
  putRepository,
  type RepositoryRow,
  repositoryContext,
} from "../../../platform/store/index.ts";
import { appNotInstalled, noAppGiven, wrongState } from "../errors.ts";
import type { Portal } from "../portal.ts";
import type { newRepository } from "./schemas.ts";
import { type SetUp, setUpHost } from "./set-up.ts";

type Wanted = z.output<typeof newRepository>;

/**
 * Connects a repository of a Git host: who we are there, that we see it, and then its webhook and protection. Asking again renews
 * the credential and sets up what is missing.
 */
export async function register(portal: Portal, wanted: Wanted): Promise<SetUp & { readonly row: RepositoryRow }> {
  const { sql, git } = portal;
  const { policy } = git.settings;
  const apiUrl = safeUrl(wanted.apiUrl, policy).href.replace(/\/+$/, "");
  // The host sends there, not we; but an address that we would not ask is none to hand out.
  if (typeof wanted.hookUrl === "string") safeUrl(wanted.hookUrl, { inside: policy.inside ?? [] });
  const host = await identify(portal, wanted, apiUrl);
  const seen = await host.describe();
  if (seen === undefined)
    throw githubNotFound(`${wanted.owner}/${wanted.name} is not there, or may not be seen with this credential`);
  const [owner = wanted.owner, name = wanted.name] = seen.fullName.split("/");
  const known = await findRepository(sql, owner, name);
  if (known !== undefined && known.apiUrl !== apiUrl)
    throw wrongState(`${owner}/${name} of ${known.apiUrl} is connected already; remove that one first`);
  const gitUrl = gitUrlOf(apiUrl, owner, name);
  safeUrl(gitUrl, policy);
  const row = await keep(portal, known, {
    ...{ owner, name, apiUrl, gitUrl, credential: host.credential },
    defaultBranch: wanted.defaultBranch ?? seen.defaultBranch,
  });
  await notify(sql, "nebula_pulls", `${row.id}:added`);
  const outcome = await setUpHost(portal, row, wanted.hookUrl === undefined ? git.settings.hookUrl : wanted.hookUrl);
  return { ...outcome, row: (await getRepository(sql, row.id)) ?? row };
}

type Identified = GitHub & { readonly credential: GitHubAuth };

/** @throws NEB692 when the App is not installed there, NEB693 when neither App nor token is given. */
async function identify({ git }: Portal, wanted: Wanted, apiUrl: string): Promise<Identified> {
  const { owner, name } = wanted;
  const as = (credential: GitHubAuth): Identified => ({
    ...git.connect({ apiUrl, owner, name, auth: credential }),
    credential,
  });
  if (wanted.token !== undefined) return as({ kind: "token", token: new Secret(wanted.token) });
  const app = wanted.app
    ? { appId: wanted.app.id, privateKey: new Secret(wanted.app.privateKey) }
    : (git.settings.app ?? undefined);
  if (app === undefined) throw noAppGiven("neither an App nor a token is given, and this installation has no App");
  const itself = as({ kind: "app", ...app });
  const { slug, url } = await itself.app(); // a wrong key says so here
  const installation = await itself.installation();
  if (installation === undefined)
    throw appNotInstalled(`the App ${slug} is not installed on ${owner}/${name}`, {
      hint: `Install it at ${url}/installations/new and give it this repository; then add it again.`,
    });
  if (installation.isSuspended)
    throw appNotInstalled(`the App ${slug} is suspended on ${owner}`, { hint: `Unsuspend it at ${installation.url}.` });
  return as({ kind: "app", ...app, installationId: installation.id });
}

type Known = Pick<RepositoryRow, "owner" | "name" | "apiUrl" | "gitUrl" | "defaultBranch"> & {
  readonly credential: GitHubAuth;
};

function keep({ sql, vault }: Portal, known: RepositoryRow | undefined, { credential, ...rest }: Known) {
  const id = known?.id ?? newId("repo");
  const seal = (field: "app-key" | "bot-token" | "hook-secret", plain: Secret) =>
    vault.seal(plain, repositoryContext(id, field));
  const isApp = credential.kind === "app";
  return putRepository(sql, {
    ...{ id, ...rest },
    appId: isApp ? credential.appId : null,
    appKeySealed: isApp ? seal("app-key", credential.privateKey) : null,
    installationId: isApp ? (credential.installationId ?? null) : null,
    botTokenSealed: isApp ? null : seal("bot-token", credential.token),
    hookSecretSealed: known?.hookSecretSealed ?? seal("hook-secret", newHookSecret()),
  });
}

export const newHookSecret = (): Secret => new Secret(randomBytes(32).toString("base64url"));

/** Where git finds it: beside the API, never on another host, for the same token goes there. */
function gitUrlOf(apiUrl: string, owner: string, name: string): string {
  const { protocol, host } = new URL(apiUrl);
  return `${protocol}//${host.replace(/^api\./, "")}/${owner}/${name}.git`;
}
