import { Secret } from "../../../platform/core/index.ts";
import type { ForgeTarget } from "./target.ts";

/** What a GitHub out there cannot do for this suite, by the name of the test. */
const cannotOnGitHub: Readonly<Record<string, string>> = {
  "tell of everything, signed, in order, with documented payloads": "it cannot reach a receiver on loopback",
  "are kept, and sent again when asked, with the same identity": "it cannot reach a receiver on loopback",
  "are made, shown without their secret, changed and deleted": "it refuses hooks that point to loopback",
  "lets nobody move a protected branch past its rules by REST": "it words the refusal by its plan and rule sets",
  "follows its branches, whoever moves them": "it closes and merges pull requests some seconds after the push",
};

/**
 * `FORGE_CONFORMANCE_TARGET`: JSON with apiUrl, gitUrl, owner, tokens {admin, reviewer, reader, stranger} and app {id,
 * installationId, privateKey}. Protected private branches need a paid plan there.
 */
export function realTarget(environment: Readonly<Record<string, string | undefined>>): ForgeTarget | undefined {
  const text = environment.FORGE_CONFORMANCE_TARGET;
  if (text === undefined || text === "") return undefined;
  const given = JSON.parse(text) as {
    readonly apiUrl: string;
    readonly gitUrl: string;
    readonly owner: string;
    readonly tokens: Record<keyof ForgeTarget["tokens"], string>;
    readonly app: { readonly id: number; readonly installationId: number; readonly privateKey: string };
  };
  const { admin, reviewer, reader, stranger } = given.tokens;
  return {
    ...{ name: given.apiUrl, apiUrl: given.apiUrl, gitUrl: given.gitUrl, owner: given.owner, cannot: cannotOnGitHub },
    tokens: {
      ...{ admin: new Secret(admin), reviewer: new Secret(reviewer) },
      ...{ reader: new Secret(reader), stranger: new Secret(stranger) },
    },
    app: { ...given.app, privateKey: new Secret(given.app.privateKey) },
  };
}
