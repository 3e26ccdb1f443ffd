import { makeClient } from "./client.ts";
import { CommandFailure, exitCodes } from "./failure.ts";

/** Who else signs people in at a portal. */
export type Provider = {
  readonly name: string;
  readonly kind: "oidc" | "github";
  readonly label: string;
  readonly startUrl: string;
};

/** @throws CommandFailure (exit 4) naming those there are */
export async function findProvider(url: string, name: string): Promise<Provider> {
  const { items } = await makeClient({ url, token: "" }).get<{ items: Provider[] }>(`/api/v1/auth/providers`);
  const found = items.find((item) => item.name === name);
  if (found !== undefined) return found;
  throw new CommandFailure(`there is no sign-in by "${name}" at ${url}`, {
    ...{ code: "NEB635", exitCode: exitCodes.notFound },
    hint: items.length === 0 ? "It has no sign-in providers." : `It has: ${items.map((item) => item.name).join(", ")}.`,
  });
}
