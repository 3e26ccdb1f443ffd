/**
 * The only door to SMTP. Owns how a mail leaves; not what it says, nor when it is tried again (portal/auth).
 */
export { type Mail, type Mailer, type MailerOptions, makeMailer } from "./mailer.ts";
