import t from 'tap'
import { EmbeddedPubSub } from '../../src/store/embedded/embedded-pub-sub.js'
import { testPubSub } from './pub-sub-contract.js'

testPubSub(t, async () => new EmbeddedPubSub())
