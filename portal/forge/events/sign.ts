import { createHmac } from "node:crypto";
import type { Vault } from "../../../platform/core/index.ts";
import type { Waiting } from "../store/deliveries.ts";

export const hookVaultContext = "forge-hook";

/** The body as it is sent, and GitHub's headers with it. */
export function signedHeaders(vault: Vault, delivery: Waiting): { headers: Record<string, string>; body: string } {
  const isForm = delivery.contentType === "form";
  const body = isForm ? new URLSearchParams({ payload: delivery.payload }).toString() : delivery.payload;
  const headers: Record<string, string> = {
    "User-Agent": "GitHub-Hookshot/nebuladb",
    Accept: "*/*",
    "Content-Type": isForm ? "application/x-www-form-urlencoded" : "application/json",
    "X-GitHub-Delivery": delivery.guid,
    "X-GitHub-Event": delivery.event,
    "X-GitHub-Hook-ID": String(delivery.hook),
    "X-GitHub-Hook-Installation-Target-ID": String(delivery.targetId),
    "X-GitHub-Hook-Installation-Target-Type": delivery.targetType,
  };
  if (delivery.secretSealed === null) return { headers, body };
  const secret = vault.open(delivery.secretSealed, hookVaultContext).reveal();
  const sign = (algorithm: "sha1" | "sha256") =>
    `${algorithm}=${createHmac(algorithm, secret).update(body).digest("hex")}`;
  headers["X-Hub-Signature"] = sign("sha1");
  headers["X-Hub-Signature-256"] = sign("sha256");
  return { headers, body };
}
