// Asks a running Botgate by the generated client, and prints what became of the command.
import { command } from "../out/client.js";

console.log("demo", await command(process.argv[2], process.argv[3]));
