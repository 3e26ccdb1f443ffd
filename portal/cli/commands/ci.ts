import type { Command } from "commander";
import { printData } from "../output.ts";
import { connect, type Output, withOutput } from "./shared.ts";

export function addCiCommand(program: Command): void {
  withOutput(
    program
      .command("ci")
      .description("make the credentials of `pulumi up` in a tenant's CI; the ones before stop working")
      .argument("<tenant>"),
  ).action(makeCredentials);
}

async function makeCredentials(tenant: string, { output }: Output): Promise<void> {
  const found = await connect().send<Record<string, string>>("POST", `/api/v1/tenants/${tenant}/ci-credentials`);
  if (output !== "table") return printData(found, output);
  process.stdout.write(
    Object.entries(found)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(""),
  );
}
