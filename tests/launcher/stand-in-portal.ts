process.argv[2] = "portal";
await import("./stand-in-main.ts");
