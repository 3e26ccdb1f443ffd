import type { Command } from "commander";
import { printRecord, printRows, say } from "../output.ts";
import { connect, keysCommand, type Output, withOutput } from "./shared.ts";

type VaultKey = {
  readonly id: string;
  readonly purpose: string;
  readonly state: string;
  readonly wrappedBy: string;
  readonly createdAt: string;
  readonly activeFrom: string;
};

export function addVaultKeyCommands(program: Command): void {
  const keys = keysCommand(program);
  withOutput(keys.command("list").description("what seals the secrets; never the keys themselves")).action(list);
  withOutput(keys.command("rotate").description("make a new data key; secrets are sealed anew in the background"))
    .option("--kek", "instead wrap all keys by the key-encryption key that is configured now")
    .action(rotate);
}

async function list({ output }: Output): Promise<void> {
  const { items } = await connect().get<{ items: VaultKey[] }>("/api/v1/vault/keys");
  printRows(
    items,
    [
      { title: "KEY", value: (row) => row.id },
      { title: "FOR", value: (row) => row.purpose },
      { title: "STATE", value: (row) => row.state },
      { title: "WRAPPED BY", value: (row) => row.wrappedBy },
      { title: "ACTIVE FROM", value: (row) => row.activeFrom },
    ],
    output,
  );
}

async function rotate({ output, kek = false }: Output & { readonly kek?: boolean }): Promise<void> {
  const what = kek ? "wrapping" : "data";
  const done = await connect().send<{ key: VaultKey | null; rewrapped: number }>("POST", "/api/v1/vault/rotate", {
    what,
  });
  if (output !== "table") return printRecord(done, output);
  say(
    done.key === null
      ? `${done.rewrapped} keys are wrapped by the present key-encryption key`
      : `${done.key.id} seals from ${done.key.activeFrom}; then everything is sealed anew (\`nebula keys list\`)`,
  );
}
