export { claimMail, finishMail, type MailJob, mailQueued, postponeMail, queueMail } from "./mail-jobs.ts";
