import type { Command } from "commander";
import { CommandFailure, exitCodes } from "../failure.ts";
import { proveInBrowser } from "../loopback.ts";
import { printRecord, printRows, say } from "../output.ts";
import { findProvider, type Provider } from "../providers.ts";
import { readConnection } from "../settings.ts";
import { withPrompt } from "./login.ts";
import { connect, type Output, withOutput } from "./shared.ts";

const base = "/api/v1/auth";

/** The own account's other ways in: identities elsewhere, and passkeys. */
export function addIdentityCommands(account: Command): void {
  withOutput(account.command("identities").description("the identities elsewhere that sign in to your account")).action(
    async ({ output }: Output) => printIdentities(await identities(), output),
  );
  account
    .command("link")
    .description("link an identity elsewhere to your account, in the browser")
    .argument("<provider>", "a name from `account providers`, for example github")
    .action(linkIdentity);
  account
    .command("unlink")
    .description("unlink an identity; every other session ends")
    .argument("<provider>", "as `account identities` shows it")
    .option("--subject <subject>", "which one, where there are several")
    .action(unlinkIdentity);
  withOutput(account.command("providers").description("how one can sign in here")).action(
    async ({ output }: Output) => {
      const { items } = await connect().get<{ items: Provider[] }>(`${base}/providers`);
      printRows(
        items,
        [
          { title: "NAME", value: (row) => row.name },
          { title: "KIND", value: (row) => row.kind },
          { title: "LABEL", value: (row) => row.label },
        ],
        output,
      );
    },
  );
  addPasskeyCommands(account);
}

type Identity = {
  readonly provider: string;
  readonly subject: string;
  readonly login: string | null;
  readonly lastUsedAt: string | null;
};

const identities = async () => (await connect().get<{ items: Identity[] }>(`${base}/identities`)).items;

const printIdentities = (items: readonly Identity[], output: Output["output"]) =>
  printRows(
    items,
    [
      { title: "PROVIDER", value: (row) => row.provider },
      { title: "SUBJECT", value: (row) => row.subject },
      { title: "LOGIN", value: (row) => row.login },
      { title: "LAST USED", value: (row) => row.lastUsedAt },
    ],
    output,
  );

const linkIdentity = (name: string): Promise<void> =>
  withOwner(async (currentPassword) => {
    const { startUrl, label } = await findProvider(readConnection().url, name);
    const proof = await proveInBrowser(startUrl, "link");
    await connect().send("POST", `${base}/identities`, { ...proof, ...currentPassword });
    say(`linked: ${label} signs you in from now on`);
  });

async function unlinkIdentity(provider: string, { subject }: { readonly subject?: string }): Promise<void> {
  const fitting = (await identities()).filter(
    (one) => one.provider === provider && (subject === undefined || one.subject === subject),
  );
  const [one, ...more] = fitting;
  if (one === undefined)
    throw new CommandFailure(`your account has no identity of ${provider}`, { exitCode: exitCodes.notFound });
  if (more.length > 0)
    throw new CommandFailure(`your account has ${fitting.length} of ${provider}; say --subject`, {
      exitCode: exitCodes.usage,
    });
  await withOwner(async (currentPassword) => {
    const body = { provider, subject: one.subject, ...currentPassword };
    const { endedSessions } = await connect().send<{ endedSessions: number }>(
      "POST",
      `${base}/identities/unlink`,
      body,
    );
    say(`unlinked; other sessions ended: ${endedSessions}`);
  });
}

/** What only the owner may do: with the password, or, where there is none, soon after signing in. */
const withOwner = (act: (part: { readonly currentPassword?: string }) => Promise<void>): Promise<void> =>
  withPrompt(async (prompt) => {
    const { hasPassword } = await connect().get<{ hasPassword: boolean }>(`${base}/me`);
    await act(hasPassword ? { currentPassword: await prompt.hidden("Password") } : {});
  });

function addPasskeyCommands(account: Command): void {
  const passkeys = withOutput(
    account.command("passkeys").description("your passkeys; a browser adds one").action(listPasskeys),
  );
  withOutput(
    passkeys.command("rename").description("give a passkey another name").argument("<passkey>").argument("<name>"),
  ).action(async (id: string, name: string, { output }: Output) =>
    printRecord(await connect().send("PATCH", `${base}/passkeys/${encodeURIComponent(id)}`, { name }), output),
  );
  passkeys
    .command("remove")
    .description("remove a passkey; every other session ends")
    .argument("<passkey>")
    .action((id: string) =>
      withOwner(async (currentPassword) => {
        await connect().send("POST", `${base}/passkeys/${encodeURIComponent(id)}/remove`, currentPassword);
        say("removed");
      }),
    );
}

type Passkey = { readonly id: string; readonly name: string; readonly lastUsedAt: string | null };

async function listPasskeys({ output }: Output): Promise<void> {
  const { items } = await connect().get<{ items: Passkey[] }>(`${base}/passkeys`);
  printRows(
    items,
    [
      { title: "NAME", value: (row) => row.name },
      { title: "PASSKEY", value: (row) => row.id },
      { title: "LAST USED", value: (row) => row.lastUsedAt },
    ],
    output,
  );
}
