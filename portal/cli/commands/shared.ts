import { type Command, InvalidArgumentError } from "commander";
import { type Client, makeClient } from "../client.ts";
import type { Format } from "../output.ts";
import { readConnection } from "../settings.ts";

export const connect = (): Client => makeClient(readConnection());

/** The format is the whole program's option (`-o json|yaml|table`); a command that prints data finds it among its own. */
export const withOutput = (command: Command): Command =>
  command.hook("preAction", (_, acting) => {
    acting.setOptionValue("output", acting.optsWithGlobals<Partial<Output>>().output ?? "table");
  });

/** `keys` holds the commands of every kind of key that the installation itself has. */
export const keysCommand = (program: Command): Command =>
  program.commands.find((command) => command.name() === "keys") ??
  program.command("keys").description("keys of the installation: what seals its secrets, what signs its sessions");

export type Output = { readonly output: Format };

export function parseUnits(text: string): number {
  const units = Number(text);
  if (!(units > 0) || !Number.isInteger(units * 4))
    throw new InvalidArgumentError("compute units are multiples of 0.25, for example 0.5");
  return units;
}

export function parsePositive(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value <= 0) throw new InvalidArgumentError("must be a whole number above 0");
  return value;
}

export function parseCount(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw new InvalidArgumentError("must be a whole number");
  return value;
}

export const collect = (text: string, sofar: readonly string[] = []): string[] => [...sofar, text];

export function collectPair(text: string, sofar: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("must be key=value");
  return { ...sofar, [text.slice(0, at)]: text.slice(at + 1) };
}
