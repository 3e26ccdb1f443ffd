import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { Secret } from "../../platform/core/index.ts";
import { type Context, now } from "./context.ts";
import { unknownName } from "./errors.ts";
import { hookVaultContext } from "./events/sign.ts";
import { isOwnerName } from "./git/repositories.ts";
import type { Permissions } from "./http/caller.ts";
import { createRepository } from "./resources/repositories.ts";
import { writeSnapshot } from "./rules/commit-files.ts";
import { putProtection } from "./rules/protection.ts";
import { type Account, ensureAccount, findAccount } from "./store/accounts.ts";
import { ensureInstallation, findAppBySlug, insertApp, updateApp } from "./store/apps.ts";
import { deleteHook, findAppHook, type Hook, insertHook, listHooks, updateHook } from "./store/hooks.ts";
import { findRepository, type Repository } from "./store/repositories.ts";
import { insertToken, makeToken } from "./store/tokens.ts";

/**
 * What is set up from inside the process, because on GitHub a person does it in the browser. Every function is idempotent:
 * what is there stays, what differs is brought in line.
 */
export type Bootstrap = {
  ensureOrganisation(wanted: { readonly login: string; readonly name?: string }): Promise<void>;
  ensureUser(wanted: { readonly login: string; readonly name?: string; readonly email?: string }): Promise<void>;
  /** Seeds an empty repository with one commit on its default branch (`main`). @returns that branch's commit. */
  ensureRepository(wanted: RepositoryWish): Promise<{ readonly created: boolean; readonly commit: string | undefined }>;
  /** The App, its bot and its installation on the owner. `privateKey` (PEM) only when it was made now, or with `newKey`. */
  ensureApp(wanted: AppWish): Promise<AppMade>;
  /** Makes a new token of a user, for the repositories of one owner. Shown once. */
  makeToken(wanted: TokenWish): Promise<Secret>;
  /** Takes a token that the caller kept from an earlier start; makes one when it is not valid any more. */
  ensureToken(wanted: TokenWish & { readonly current?: Secret | undefined }): Promise<Secret>;
  /** One hook for each address; one whose address is like `formerly` is moved, and others like it are deleted. */
  ensureHook(wanted: HookWish): Promise<{ readonly id: number }>;
  ensureProtection(wanted: ProtectionWish): Promise<void>;
};

export type RepositoryWish = {
  readonly owner: string;
  readonly name: string;
  readonly description?: string;
  /** Default true. */
  readonly private?: boolean;
  readonly seedFiles?: ReadonlyMap<string, string | Buffer>;
  readonly seedMessage?: string;
};
export type AppWish = {
  readonly owner: string;
  readonly name: string;
  readonly permissions?: Permissions;
  readonly hook?: { readonly url: string; readonly secret: Secret; readonly events: readonly string[] };
  readonly newKey?: boolean;
};
export type AppMade = {
  readonly appId: number;
  readonly slug: string;
  readonly installationId: number;
  readonly botLogin: string;
  readonly privateKey: Secret | undefined;
};
export type TokenWish = {
  readonly login: string;
  readonly owner: string;
  /** Names of the owner's repositories; absent means all, also later ones. */
  readonly repositories?: readonly string[];
  readonly permissions: Permissions;
  readonly name?: string;
  readonly expiresInSeconds?: number;
};
export type HookWish = {
  readonly owner: string;
  readonly repository: string;
  readonly url: string;
  readonly secret: Secret;
  readonly events: readonly string[];
  readonly formerly?: RegExp;
};
export type ProtectionWish = {
  readonly owner: string;
  readonly repository: string;
  readonly branch: string;
  /** `appId` binds a check to one App. */
  readonly checks: readonly { readonly context: string; readonly appId?: number }[];
  readonly strict?: boolean;
  readonly enforceAdmins?: boolean;
  readonly approvals?: number;
};

const defaultAppPermissions: Permissions = {
  metadata: "read",
  contents: "write",
  pull_requests: "write",
  issues: "write",
  statuses: "write",
  checks: "write",
  deployments: "write",
};

export function makeBootstrap(context: Context, isValidToken: (token: Secret) => Promise<boolean>): Bootstrap {
  const { sql } = context;
  const ownerOf = async (login: string): Promise<Account> => {
    const account = await findAccount(sql, login);
    if (account === undefined) throw unknownName(`the forge has no account ${login}`);
    return account;
  };
  const repositoryOf = async (owner: string, name: string): Promise<Repository> => {
    const repository = await findRepository(sql, owner, name);
    if (repository === undefined) throw unknownName(`the forge has no repository ${owner}/${name}`);
    return repository;
  };
  const newToken = async (wanted: TokenWish): Promise<Secret> => {
    const [account, owner] = await Promise.all([ownerOf(wanted.login), ownerOf(wanted.owner)]);
    const named =
      wanted.repositories === undefined
        ? null
        : await Promise.all(wanted.repositories.map((name) => repositoryOf(wanted.owner, name)));
    const token = makeToken("ghp");
    const at = now(context);
    const { expiresInSeconds: seconds } = wanted;
    await insertToken(sql, token, {
      ...{ name: wanted.name ?? wanted.login, accountId: account.id, installation: null, owner: owner.id },
      ...{ repositories: named?.map(({ id }) => id) ?? null, permissions: wanted.permissions, at },
      expiresAt: seconds === undefined ? null : new Date(at.getTime() + seconds * 1000),
    });
    return token;
  };
  const ensureNamed = async (
    type: Account["type"],
    { login, ...rest }: { login: string; name?: string; email?: string },
  ) => {
    if (!isOwnerName(login)) throw unknownName(`${login} cannot be the name of an account`);
    await ensureAccount(sql, { login, type, ...rest, at: now(context) });
  };
  return {
    ensureOrganisation: (wanted) => ensureNamed("Organization", wanted),
    ensureUser: (wanted) => ensureNamed("User", wanted),
    async ensureRepository(wanted) {
      const owner = await ownerOf(wanted.owner);
      const made = await createRepository(context, owner, {
        ...{ name: wanted.name, description: wanted.description ?? null },
        ...{ private: wanted.private ?? true, defaultBranch: "main" },
      });
      const repository = made ?? (await repositoryOf(wanted.owner, wanted.name));
      await context.repositories.create(repository);
      const git = context.repositories.git(repository);
      const head = await git.revParse(`refs/heads/${repository.defaultBranch}`);
      const { seedFiles: files, seedMessage: message = "Seed the repository" } = wanted;
      const isEmpty = head === undefined && (await git.forEachRef("refs/heads/")).length === 0;
      const commit =
        isEmpty && files !== undefined
          ? await writeSnapshot(context, repository, { files, message, author: owner })
          : head;
      return { created: made !== undefined, commit };
    },
    ensureApp: (wanted) => ensureApp(context, wanted, ownerOf),
    makeToken: newToken,
    ensureToken: async ({ current, ...wanted }) =>
      current !== undefined && (await isValidToken(current)) ? current : newToken(wanted),
    async ensureHook({ owner, repository, url, secret, events, formerly }) {
      const { id } = await repositoryOf(owner, repository);
      const hooks = await listHooks(sql, id);
      const former = hooks.filter((hook) => hook.url !== url && formerly?.test(hook.url) === true);
      const existing = hooks.find((hook) => hook.url === url) ?? former.shift();
      for (const hook of former) await deleteHook(sql, hook.id);
      const hook = await putHook(context, existing, { repository: id, app: null }, { url, secret, events });
      return { id: hook.id };
    },
    async ensureProtection(wanted) {
      const { id } = await repositoryOf(wanted.owner, wanted.repository);
      await putProtection(sql, id, wanted.branch, {
        requiredStatusChecks: {
          strict: wanted.strict ?? false,
          checks: wanted.checks.map(({ context: name, appId }) => ({ context: name, appId: appId ?? null })),
        },
        requiredReviews:
          wanted.approvals === undefined
            ? null
            : { approvals: wanted.approvals, dismissStale: true, codeOwners: false, lastPushApproval: false },
        ...{ enforceAdmins: wanted.enforceAdmins ?? true, linearHistory: false, lockBranch: false },
        ...{ allowForcePushes: false, allowDeletions: false },
      });
    },
  };
}

async function ensureApp(
  context: Context,
  wanted: AppWish,
  ownerOf: (login: string) => Promise<Account>,
): Promise<AppMade> {
  const { sql } = context;
  const at = now(context);
  const owner = await ownerOf(wanted.owner);
  const slug = wanted.name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  const botLogin = `${slug}[bot]`;
  const permissions = wanted.permissions ?? defaultAppPermissions;
  const events = wanted.hook?.events ?? [];
  const known = await findAppBySlug(sql, slug);
  const privateKey = known === undefined || wanted.newKey ? newKey() : undefined;
  const publicKey = privateKey === undefined ? (known?.publicKey ?? "") : publicPart(privateKey);
  const bot = await ensureAccount(sql, { login: botLogin, type: "Bot", name: botLogin, at });
  const app =
    known === undefined
      ? await insertApp(sql, {
          slug,
          name: wanted.name,
          ownerId: owner.id,
          botId: bot.id,
          publicKey,
          permissions,
          events,
          createdAt: at,
        })
      : await updateApp(sql, known.id, { publicKey, permissions, events, at });
  const installation = await ensureInstallation(sql, app.id, owner.id, at);
  if (wanted.hook !== undefined)
    await putHook(context, await findAppHook(sql, app.id), { repository: null, app: app.id }, wanted.hook);
  return { appId: app.id, slug, installationId: installation.id, botLogin, privateKey };
}

function putHook(
  context: Context,
  existing: Hook | undefined,
  of: { repository: number | null; app: number | null },
  { url, secret, events }: { url: string; secret: Secret; events: readonly string[] },
): Promise<Hook> {
  const settings = {
    ...{ url, contentType: "json" as const, insecureSsl: false, events, active: true },
    secretSealed: context.vault.seal(secret, hookVaultContext),
  };
  const at = now(context);
  return existing === undefined
    ? insertHook(context.sql, of, settings, at)
    : updateHook(context.sql, existing.id, settings, at);
}

function newKey(): Secret {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return new Secret(privateKey.export({ type: "pkcs1", format: "pem" }).toString());
}

const publicPart = (key: Secret): string =>
  createPublicKey(key.reveal()).export({ type: "spki", format: "pem" }).toString();
