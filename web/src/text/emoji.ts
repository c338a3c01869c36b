/**
 * Emoji by the names that people type between colons: those in everyday use.
 *
 * @module
 */

const TABLE =
  "smile 😄,grin 😁,joy 😂,rofl 🤣,slight_smile 🙂,wink 😉,blush 😊,heart_eyes 😍,kissing_heart 😘,yum 😋,sunglasses 😎,thinking 🤔,neutral 😐,expressionless 😑,rolling_eyes 🙄,smirk 😏,persevere 😣,hushed 😮,sleepy 😪,tired 😫,sleeping 😴,relieved 😌,stuck_out_tongue 😛,drooling 🤤,unamused 😒,sweat 😓,pensive 😔,confused 😕,upside_down 🙃,money_mouth 🤑,astonished 😲,frown 🙁,disappointed 😞,worried 😟,triumph 😤,cry 😢,sob 😭,fearful 😨,weary 😩,exploding_head 🤯,grimacing 😬,cold_sweat 😰,scream 😱,flushed 😳,zany 🤪,dizzy_face 😵,rage 😡,angry 😠,mask 😷,sick 🤒,nauseated 🤢,sneeze 🤧,halo 😇,cowboy 🤠,party 🥳,pleading 🥺,shush 🤫,monocle 🧐,nerd 🤓,robot 🤖,ghost 👻,alien 👽,skull 💀,poop 💩,clown 🤡,cat 🐱,dog 🐶,mouse 🐭,fox 🦊,bear 🐻,panda 🐼,unicorn 🦄,bee 🐝,bug 🐛,turtle 🐢,snake 🐍,octopus 🐙,whale 🐳,penguin 🐧,owl 🦉,crab 🦀,wave 👋,ok_hand 👌,v ✌️,crossed_fingers 🤞,metal 🤘,call_me 🤙,point_left 👈,point_right 👉,point_up ☝️,point_down 👇,thumbsup 👍,+1 👍,thumbsdown 👎,-1 👎,fist ✊,punch 👊,clap 👏,raised_hands 🙌,open_hands 👐,pray 🙏,handshake 🤝,muscle 💪,writing ✍️,eyes 👀,brain 🧠,heart ❤️,orange_heart 🧡,yellow_heart 💛,green_heart 💚,blue_heart 💙,purple_heart 💜,black_heart 🖤,broken_heart 💔,sparkling_heart 💖,fire 🔥,sparkles ✨,star ⭐,zap ⚡,boom 💥,tada 🎉,confetti 🎊,balloon 🎈,gift 🎁,trophy 🏆,medal 🏅,soccer ⚽,basketball 🏀,guitar 🎸,music 🎵,coffee ☕,tea 🍵,beer 🍺,beers 🍻,wine 🍷,champagne 🍾,pizza 🍕,burger 🍔,taco 🌮,sushi 🍣,croissant 🥐,baguette 🥖,cheese 🧀,apple 🍎,banana 🍌,cake 🍰,birthday 🎂,cookie 🍪,sun ☀️,cloud ☁️,rain 🌧️,snow ❄️,rainbow 🌈,moon 🌙,earth 🌍,rocket 🚀,car 🚗,bike 🚲,train 🚆,plane ✈️,house 🏠,computer 💻,phone 📱,camera 📷,bulb 💡,book 📖,books 📚,memo 📝,pencil ✏️,calendar 📅,chart 📈,lock 🔒,key 🔑,hammer 🔨,wrench 🔧,gear ⚙️,link 🔗,bell 🔔,mega 📣,hourglass ⌛,alarm ⏰,check ✅,x ❌,warning ⚠️,question ❓,exclamation ❗,100 💯,plus ➕,minus ➖,no_entry ⛔,recycle ♻️";

/** The emoji of a name. */
export const EMOJI: ReadonlyMap<string, string> = new Map(
  TABLE.split(",").map((pair) => {
    const at = pair.indexOf(" ");
    return [pair.slice(0, at), pair.slice(at + 1)];
  }),
);

/** Names that begin so, or else have it in them; the shortest first. */
export function suggest(prefix: string, most: number): [name: string, emoji: string][] {
  const matches = [...EMOJI].filter(([name]) => name.includes(prefix));
  const rank = ([name]: [string, string]): number =>
    (name.startsWith(prefix) ? 0 : 100) + name.length;
  return matches.sort((a, b) => rank(a) - rank(b)).slice(0, most);
}
