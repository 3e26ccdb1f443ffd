import { z } from "zod";
import { badConfig, readSecretFile, Secret } from "../../../platform/core/index.ts";
import { type GitHubSettings, makeGitHubProvider } from "./github.ts";
import { type FederationParts, makeOidcProvider, type OidcSettings } from "./oidc.ts";
import type { Providers, Trust } from "./provider.ts";

/**
 * The providers of this installation, from NEBULA_OIDC_PROVIDERS (a JSON list) and NEBULA_GITHUB_SIGN_IN (a JSON object). Both are
 * secrets as a whole, so that a client secret may stand in them; `clientSecretFile` names a mounted file instead.
 * @throws NEB901 with everything that is wrong
 */
export function resolveProviders(
  given: { readonly oidc: Secret | undefined; readonly github: Secret | undefined },
  parts: FederationParts,
): Providers {
  const problems: string[] = [];
  const read = <S extends z.ZodType>(setting: string, text: Secret | undefined, schema: S) => {
    if (text === undefined) return undefined;
    const parsed = schema.safeParse(parseJson(text.reveal()));
    if (parsed.success) return parsed.data;
    for (const { path, message } of parsed.error.issues)
      problems.push(`${[setting, ...path.map(String)].join(".")} ${message}`);
    return undefined;
  };
  const oidc = read("NEBULA_OIDC_PROVIDERS", given.oidc, z.array(oidcSchema).max(20)) ?? [];
  const github = read("NEBULA_GITHUB_SIGN_IN", given.github, githubSchema);
  const secretOf = (setting: string, one: Pick<Common, "clientSecret" | "clientSecretFile">): Secret => {
    try {
      return one.clientSecretFile === undefined
        ? new Secret(one.clientSecret ?? "")
        : readSecretFile(one.clientSecretFile);
    } catch (thrown) {
      problems.push(`${setting}.clientSecretFile: ${(thrown as Error).message}`);
      return new Secret("");
    }
  };
  const providers = [
    ...oidc.map((one, i) => makeOidcProvider(toOidc(one, secretOf(`NEBULA_OIDC_PROVIDERS.${i}`, one)), parts)),
    ...(github === undefined
      ? []
      : [makeGitHubProvider(toGitHub(github, secretOf("NEBULA_GITHUB_SIGN_IN", github)), parts)]),
  ];
  for (const field of ["name", "issuer"] as const) {
    const all = oidc.map((one) => one[field]);
    if (new Set(all).size < all.length) problems.push(`NEBULA_OIDC_PROVIDERS: two have the same ${field}`);
  }
  if (problems.length > 0) throw badConfig(problems.join("; "));
  return new Map(providers.map((provider) => [provider.name, provider]));
}

const domain = z
  .string()
  .toLowerCase()
  .regex(/^([a-z0-9-]+\.)+[a-z0-9-]+$/, "must be a domain, for example example.com");
const address = z
  .string()
  .refine((text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ""), "must be an http or https address")
  .refine((text) => (URL.parse(text)?.search ?? "") === "" && !text.includes("#"), "must be without ? and #");
const server = address.transform((text) => text.replace(/\/+$/, ""));

const common = {
  label: z.string().trim().min(1).max(60).optional(),
  clientId: z.string().min(1).max(300),
  clientSecret: z.string().min(1).max(1000).optional(),
  clientSecretFile: z.string().min(1).optional(),
  emailDomains: z
    .array(z.union([domain, z.literal("*")]))
    .min(1)
    .optional(),
  trustedEmailDomains: z.array(domain).default([]),
  createAccounts: z.boolean().default(false),
};

type Common = z.output<z.ZodObject<typeof common>>;

const checks = [
  [
    (one: Common) => (one.clientSecret === undefined) !== (one.clientSecretFile === undefined),
    "needs clientSecret or clientSecretFile, and not both",
  ],
  [
    (one: Common) => !one.createAccounts || one.emailDomains !== undefined,
    'createAccounts needs emailDomains: whose addresses this provider may vouch for (["*"]: everybody\'s)',
  ],
] as const;
const checked = <S extends z.ZodType<Common>>(schema: S): S =>
  checks.reduce((before, [holds, message]) => before.refine(holds, message), schema);

const oidcSchema = checked(
  z.strictObject({
    ...common,
    name: z
      .string()
      .regex(/^[a-z][a-z0-9-]{0,30}$/, "must be a short lower-case name")
      .refine((name) => name !== "github", "github is NEBULA_GITHUB_SIGN_IN"),
    issuer: address,
    clientAuthentication: z.enum(["basic", "post"]).default("basic"),
    scopes: z
      .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/))
      .default(["openid", "email", "profile"])
      .refine((scopes) => scopes.includes("openid"), "must have openid"),
  }),
);
const githubSchema = checked(
  z.strictObject({ ...common, url: server.default("https://github.com"), apiUrl: server.optional() }),
);

const toOidc = (one: z.output<typeof oidcSchema>, clientSecret: Secret): OidcSettings => ({
  ...{ name: one.name, label: one.label ?? one.name, issuer: one.issuer, clientId: one.clientId, clientSecret },
  ...{ clientAuthentication: one.clientAuthentication, scopes: one.scopes, trust: toTrust(one) },
});

const toGitHub = (one: z.output<typeof githubSchema>, clientSecret: Secret): GitHubSettings => ({
  ...{ label: one.label ?? "GitHub", url: one.url, clientId: one.clientId, clientSecret, trust: toTrust(one) },
  apiUrl: one.apiUrl ?? (one.url === "https://github.com" ? "https://api.github.com" : `${one.url}/api/v3`),
});

const toTrust = ({ emailDomains, trustedEmailDomains, createAccounts }: Common): Trust => ({
  emailDomains: emailDomains ?? null,
  trustedEmailDomains,
  createAccounts,
});

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
