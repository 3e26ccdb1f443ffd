import { z } from "zod";
import type { RepositoryRow, RepositoryWanted } from "../../../platform/store/index.ts";
import { named, timestamp } from "../schemas.ts";
import { timeOrNull } from "../wire.ts";

/** As GitHub allows them. */
const owner = z.string().regex(/^[A-Za-z0-9](?:[A-Za-z0-9-]{0,37}[A-Za-z0-9])?$/, "must be the name of an account");
const repositoryName = z
  .string()
  .regex(/^(?!\.{1,2}$)(?!.*\.git$)[A-Za-z0-9._-]{1,100}$/, "must be the name of a repository");

export const repositoryParams = z.strictObject({
  owner: z.string().max(100),
  repository: z.string().max(100),
});

export const repository = named(
  "Repository",
  "A Git repository of declarations that this installation follows.",
  z.strictObject({
    owner: z.string(),
    name: z.string(),
    defaultBranch: z.string(),
    apiUrl: z.string().describe("REST base of its Git host."),
    credential: z.enum(["app", "token"]).describe("A GitHub App's installation, or a token."),
    hook: z
      .strictObject({ url: z.string(), isSetUp: z.boolean() })
      .nullable()
      .describe("Where deliveries are wanted; null: the repository is polled."),
    host: z
      .strictObject({
        state: z.enum(["ok", "degraded"]),
        code: z.string().nullable(),
        reason: z.string().nullable(),
        since: timestamp.nullable(),
      })
      .describe("Whether the Git host let the last pass do its work."),
    seenCommit: z.string().nullable().describe("Newest commit whose changes are queued."),
    seenAt: timestamp.nullable(),
    stalled: z
      .strictObject({ code: z.string(), reason: z.string() })
      .nullable()
      .describe("Why nothing is deployed from it any more; what runs goes on running."),
  }),
);

export const newRepository = z.strictObject({
  owner,
  name: repositoryName,
  apiUrl: z
    .string()
    .max(300)
    .default("https://api.github.com")
    .describe("`https://host/api/v3` of a GitHub Enterprise Server; its host must be among NEBULA_GIT_HOSTS."),
  defaultBranch: z.string().max(250).optional().describe("Default: the one that the host says."),
  app: z
    .strictObject({ id: z.int().positive(), privateKey: z.string().max(20_000).describe("PEM.") })
    .optional()
    .describe("Default: the App of this installation (NEBULA_GITHUB_APP_ID)."),
  token: z.string().min(1).max(500).optional().describe("Instead of an App: no check runs then, no annotations."),
  hookUrl: z
    .string()
    .max(1000)
    .nullable()
    .optional()
    .describe("Where the host reaches our receiver; null: poll only. Default: NEBULA_HOOK_URL."),
});

export const setUp = named(
  "RepositorySetUp",
  "What was set up at the Git host, and what a person has to do there.",
  z.strictObject({
    repository,
    done: z.array(z.string()),
    todo: z.array(z.string()),
    hookSecret: z.string().nullable().describe("Shown this once, where a person has to set up the webhook."),
  }),
);

export const inspection = named(
  "RepositoryInspection",
  "What was looked at in the order in which it is mended.",
  z.strictObject({
    verdict: z.enum(["ok", "warn", "fail"]),
    findings: z.array(
      z.strictObject({
        check: z.string(),
        state: z.enum(["ok", "warn", "fail", "skip"]),
        says: z.string(),
        todo: z.string(),
      }),
    ),
  }),
);

export const repositoryToWire = (row: RepositoryRow) => ({
  owner: row.owner,
  name: row.name,
  defaultBranch: row.defaultBranch,
  apiUrl: row.apiUrl,
  credential: usesApp(row) ? ("app" as const) : ("token" as const),
  hook: row.hookUrl === null ? null : { url: row.hookUrl, isSetUp: row.hookId !== null },
  host: { state: row.hostState, code: row.hostCode, reason: row.hostReason, since: timeOrNull(row.hostSince) },
  seenCommit: row.seenCommit,
  seenAt: timeOrNull(row.seenAt),
  stalled: row.stalledCode === null ? null : { code: row.stalledCode, reason: row.stalledReason ?? "" },
});

export const usesApp = ({
  appId,
  appKeySealed,
  installationId,
}: Pick<RepositoryWanted, "appId" | "appKeySealed" | "installationId">): boolean =>
  appId !== null && appKeySealed !== null && installationId !== null;
