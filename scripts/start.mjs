// `npm run demo` and `npm start`: sets up what is missing, then runs `headwater <arguments>` in this process, so that signals
// reach it. What the set-up says goes to stderr.
import { setup } from './setup.mjs';

if (await setup({ quiet: true })) await import('../bin/headwater.js');
else process.exitCode = 1;
