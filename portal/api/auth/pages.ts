import { createHash } from "node:crypto";
import type { Response } from "express";
import type { NebulaError } from "../../../platform/core/index.ts";

/**
 * The few pages that a browser meets on its way through a sign-in elsewhere, where no program of ours runs in it yet. Nothing is
 * loaded; the one script there is stands in the policy by its hash.
 */
export type Page = { readonly title: string; readonly lines: readonly string[]; readonly form?: CodeForm };

/** Asks for the code of a second factor. */
export type CodeForm = { readonly mfaToken: string; readonly next: string | null };

export function sendPage(response: Response, { title, lines, form }: Page): void {
  const scripts = form === undefined ? "" : `; script-src '${hashOf(script)}'; connect-src 'self'`;
  response.setHeader(
    "content-security-policy",
    `default-src 'none'; style-src '${hashOf(style)}'${scripts}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`,
  );
  response.type("html").send(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${html(title)}</title>
<style>${style}</style></head><body><main><h1>${html(title)}</h1>
${lines.map((line) => `<p>${html(line)}</p>`).join("\n")}
${form === undefined ? "" : codeForm(form)}</main></body></html>
`);
}

/** A fault, for somebody who looks at it. */
export const problemPage = (error: NebulaError, requestId: string): Page => ({
  title: error.title,
  lines: [sentence(error.message), error.hint, `${error.code}, ${requestId}`],
});

const codeForm = ({ mfaToken, next }: CodeForm): string =>
  `<form data-token="${html(mfaToken)}" data-next="${html(next ?? "")}">
<label>Code <input name="code" autocomplete="one-time-code" required minlength="6" maxlength="64" autofocus></label>
<button>Sign in</button></form><p role="status"></p>
<script>${script}</script>`;

const script = `
const form = document.querySelector("form"), said = document.querySelector("[role=status]");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = JSON.stringify({ mfaToken: form.dataset.token, code: form.code.value.trim(), keep: "cookie" });
  const headers = { "content-type": "application/json" };
  const response = await fetch("/api/v1/auth/mfa", { method: "POST", headers, body });
  const answer = await response.json();
  if (!response.ok) said.textContent = answer.detail + ". " + answer.hint;
  else if (form.dataset.next) location.replace(form.dataset.next);
  else { form.remove(); said.textContent = "You are signed in as " + answer.person.email + "."; }
});
`;

const style = `
body{font:16px/1.5 system-ui,sans-serif;margin:0;color:#1b1f24;background:#f6f8fa}
main{max-width:34rem;margin:15vh auto;padding:2rem;background:#fff;border:1px solid #d8dee4;border-radius:8px}
h1{font-size:1.3rem;margin:0 0 1rem}input,button{font:inherit;padding:.4rem .7rem}p:last-of-type{color:#57606a}
@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}main{background:#161b22;border-color:#30363d}}
`;

const hashOf = (text: string): string => `sha256-${createHash("sha256").update(text).digest("base64")}`;

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

const html = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
