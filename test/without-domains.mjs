// Loaded before each test by `test/run.mjs`: tap watches every promise to tell which subtest an uncaught error is of,
// which takes some tests half of their time. Without that an uncaught error ends the process, and its file has failed.
import asyncHooks from 'node:async_hooks'
import { syncBuiltinESMExports } from 'node:module'

const hook = { enable: () => hook, disable: () => hook }

asyncHooks.createHook = () => hook
syncBuiltinESMExports()
