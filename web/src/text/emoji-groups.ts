/**
 * Emoji to pick from: those in everyday use, in groups, with the words that one looks for them by.
 *
 * A group is a line of entries, each an emoji, its names in English and, after a bar, in French. What
 * can be typed between colons is in `emoji.ts`, which the page always has.
 *
 * @module
 */

import type { Key } from "../i18n.js";

/** An emoji that can be picked. */
export interface Pick {
  readonly emoji: string;
  /** Names by language, the first of which is said aloud. */
  readonly names: { readonly en: readonly string[]; readonly fr: readonly string[] };
}

/** Emoji that belong together. */
export interface Group {
  readonly title: Key;
  readonly picks: readonly Pick[];
}

const TABLE: readonly (readonly [Key, string])[] = [
  [
    "web-emoji-faces",
    "😄 smile,happy|sourire,content;😁 grin|large sourire;😂 joy,laugh|rire,larmes de joie;🤣 rofl,laugh|mort de rire;🙂 slight smile|léger sourire;😉 wink|clin d’œil;😊 blush,pleased|ravi,rougir;😍 heart eyes,love|amoureux,yeux en cœur;🥰 loving,hearts|tendre,cœurs;😘 kiss|bisou;😋 yum,tasty|miam,délicieux;😎 sunglasses,cool|lunettes,cool;🤔 thinking|réfléchir;🤨 raised eyebrow,sceptic|sceptique,sourcil;😐 neutral|neutre;😑 expressionless|sans expression;🙄 rolling eyes|yeux au ciel;😏 smirk|narquois;😮 surprised,oh|surpris,oh;😲 astonished|stupéfait;😴 sleeping|dormir;😪 sleepy|sommeil;😌 relieved|soulagé;😛 tongue out|langue;🤤 drooling|baver;😒 unamused|blasé;😓 sweat|sueur;😅 relief,phew|ouf,sueur;😔 pensive,sad|pensif,triste;😕 confused|perplexe;🙃 upside down|à l’envers;🤑 money|argent;🙁 frown|mécontent;😞 disappointed|déçu;😟 worried|inquiet;😤 triumph,huff|furieux,fumer;😢 cry,sad|pleurer,triste;😭 sob|sangloter;😨 fearful|effrayé;😩 weary|épuisé;🤯 exploding head|tête qui explose;😬 grimace|grimace;😰 cold sweat|sueur froide;😱 scream|crier,peur;😳 flushed|gêné,rougir;🤪 zany,crazy|fou,loufoque;😵 dizzy|étourdi;😡 rage,angry|rage,colère;😠 angry|fâché;😷 mask,ill|masque,malade;🤒 thermometer,ill|malade,fièvre;🤢 nauseated|nausée;🤧 sneeze,cold|éternuer,rhume;😇 halo,angel|ange;🤠 cowboy|cow-boy;🥳 party|fête;🥺 pleading|suppliant;🥲 smiling tear|sourire triste;🤗 hug|câlin;🤫 shush,quiet|chut,silence;🤭 giggle,oops|pouffer,oups;🫡 salute|salut,à vos ordres;🫠 melting|fondre;🧐 monocle|monocle;🤓 nerd|intello;🤖 robot|robot;👻 ghost|fantôme;👽 alien|extraterrestre;💀 skull|crâne;💩 poop|crotte;🤡 clown|clown",
  ],
  [
    "web-emoji-hands",
    "👍 thumbs up,yes,+1|pouce,oui,d’accord;👎 thumbs down,no,-1|pouce en bas,non;👏 clap,bravo|applaudir,bravo;🙌 raised hands,hooray|mains levées,hourra;👋 wave,hello,bye|coucou,bonjour,au revoir;🤝 handshake,deal|poignée de main,marché;🙏 pray,please,thanks|prier,merci,s’il vous plaît;👌 ok|ok,parfait;✌️ victory,peace|victoire,paix;🤞 crossed fingers,luck|croiser les doigts,chance;🤘 rock,metal|rock;🤙 call me|appelle-moi;👈 point left|gauche;👉 point right|droite;☝️ point up|haut,index;👇 point down|bas;✊ fist|poing;👊 punch|coup de poing;💪 muscle,strong|muscle,force;👐 open hands|mains ouvertes;🫶 heart hands|cœur avec les mains;✍️ writing|écrire;🤷 shrug|hausser les épaules,sais pas;🤦 facepalm|consterné;🙋 raising hand|lever la main;🙇 bow,sorry|s’incliner,pardon;👀 eyes,look|yeux,regarder;🧠 brain|cerveau;🏃 run|courir;💃 dance|danser;🧑‍💻 programmer|programmeur;🧑‍🍳 cook|cuisinier;👶 baby|bébé;👪 family|famille",
  ],
  [
    "web-emoji-hearts",
    "❤️ heart,love|cœur,amour;🧡 orange heart|cœur orange;💛 yellow heart|cœur jaune;💚 green heart|cœur vert;💙 blue heart|cœur bleu;💜 purple heart|cœur violet;🖤 black heart|cœur noir;🤍 white heart|cœur blanc;💔 broken heart|cœur brisé;💖 sparkling heart|cœur étincelant;💯 hundred|cent;✅ check,done,yes|coche,fait,oui;❌ cross,no|croix,non;⚠️ warning|attention,danger;❓ question|question;❗ exclamation|exclamation;‼️ double exclamation|double exclamation;⛔ no entry|sens interdit;♻️ recycle|recycler;➕ plus|plus;➖ minus|moins;➡️ right arrow|flèche droite;⬅️ left arrow|flèche gauche;⬆️ up arrow|flèche haut;⬇️ down arrow|flèche bas;🔄 again,refresh|recommencer,actualiser;🔔 bell|cloche;🔕 silent|silencieux;🟢 green|vert;🟡 yellow|jaune;🔴 red|rouge;🏳️‍🌈 rainbow flag|drapeau arc-en-ciel;🏁 finish|arrivée,damier",
  ],
  [
    "web-emoji-nature",
    "🐱 cat|chat;🐶 dog|chien;🐭 mouse|souris;🐰 rabbit|lapin;🦊 fox|renard;🐻 bear|ours;🐼 panda|panda;🦁 lion|lion;🐷 pig|cochon;🐸 frog|grenouille;🐵 monkey|singe;🙈 see no evil|rien voir,singe;🦄 unicorn|licorne;🐝 bee|abeille;🐛 bug|insecte,bogue;🦋 butterfly|papillon;🐌 snail,slow|escargot,lent;🐢 turtle,slow|tortue,lent;🐍 snake,python|serpent,python;🐙 octopus|pieuvre;🐟 fish|poisson;🐬 dolphin|dauphin;🐳 whale|baleine;🐧 penguin|manchot;🐦 bird|oiseau;🦉 owl|hibou;🦀 crab|crabe;🌱 seedling|pousse;🌳 tree|arbre;🌵 cactus|cactus;🌹 rose,flower|rose,fleur;🌻 sunflower|tournesol;🍀 clover,luck|trèfle,chance;🍂 leaves,autumn|feuilles,automne;☀️ sun|soleil;⛅ cloudy|nuageux;☁️ cloud|nuage;🌧️ rain|pluie;⛈️ storm|orage;❄️ snow|neige;🌈 rainbow|arc-en-ciel;🌙 moon,night|lune,nuit;⭐ star|étoile;✨ sparkles|étincelles;⚡ lightning|éclair;🔥 fire|feu;💥 boom|explosion;💧 drop|goutte;🌊 wave,sea|vague,mer;🌍 earth|terre",
  ],
  [
    "web-emoji-food",
    "☕ coffee|café;🍵 tea|thé;🧃 juice|jus;🍺 beer|bière;🍻 cheers|santé,bières;🍷 wine|vin;🥂 toast,clink|trinquer;🍾 champagne|champagne;🥐 croissant|croissant;🥖 baguette|baguette;🍞 bread|pain;🧀 cheese|fromage;🥚 egg|œuf;🥓 bacon|lard;🍕 pizza|pizza;🍔 burger|hamburger;🍟 fries|frites;🌮 taco|taco;🥗 salad|salade;🍝 pasta|pâtes;🍣 sushi|sushi;🍜 noodles,soup|nouilles,soupe;🍚 rice|riz;🍎 apple|pomme;🍌 banana|banane;🍊 orange|orange;🍇 grapes|raisin;🍓 strawberry|fraise;🍒 cherries|cerises;🥑 avocado|avocat;🥕 carrot|carotte;🍅 tomato|tomate;🍫 chocolate|chocolat;🍦 ice cream|glace;🍰 cake|gâteau;🎂 birthday|anniversaire;🍪 cookie|biscuit",
  ],
  [
    "web-emoji-things",
    "🎉 tada,party|fête,cotillons;🎊 confetti|confettis;🎈 balloon|ballon;🎁 gift|cadeau;🏆 trophy|trophée;🏅 medal|médaille;⚽ football,soccer|football;🏀 basketball|basket;🎮 game|jeu;🎲 dice|dé;🎸 guitar|guitare;🎵 music|musique;🎬 film|film,cinéma;🎨 art,paint|art,peinture;🚀 rocket,launch|fusée,lancement;🚗 car|voiture;🚲 bicycle,bike|vélo;🚆 train|train;✈️ plane|avion;⛵ boat|bateau;🏠 house,home|maison;🏫 school|école;🏖️ beach,holiday|plage,vacances;⛰️ mountain|montagne;💻 computer|ordinateur;📱 phone|téléphone;📷 camera|appareil photo;💡 idea,bulb|idée,ampoule;📖 book|livre;📚 books|livres;📝 memo,note|note,mémo;✏️ pencil|crayon;📎 paperclip|trombone;📌 pin|épingle;📅 calendar|calendrier;📈 chart,up|courbe,hausse;📉 chart,down|courbe,baisse;📦 package|paquet,colis;✉️ letter,mail|lettre,courrier;🔗 link|lien;🔒 lock|cadenas;🔑 key|clé;🔨 hammer|marteau;🔧 wrench|clé anglaise;⚙️ gear|engrenage;🧪 test,experiment|essai,expérience;🔍 search|chercher,loupe;🗑️ bin,delete|poubelle,supprimer;⏰ alarm|réveil;⌛ hourglass|sablier;📣 megaphone|mégaphone;💰 money|argent;👑 crown|couronne;💎 gem|diamant;🧹 broom,clean|balai,nettoyer",
  ],
];

/** All groups. */
export const GROUPS: readonly Group[] = TABLE.map(([title, line]) => ({
  title,
  picks: line.split(";").map(pickOf),
}));

const ALL = GROUPS.flatMap(({ picks }) => picks);

/** The emoji of a group of entries that one has picked before; what is unknown has no name. */
export function picksOf(emoji: readonly string[]): Pick[] {
  return emoji.map(
    (one) =>
      ALL.find((pick) => pick.emoji === one) ?? { emoji: one, names: { en: [one], fr: [one] } },
  );
}

/** Emoji by what one looks for, in any language: those whose name begins so come first. */
export function find(wish: string): Pick[] {
  const wanted = plain(wish);
  const ranked = ALL.map((pick) => ({ pick, rank: rankOf(pick, wanted) }));
  return ranked
    .filter(({ rank }) => rank < 2)
    .sort((a, b) => a.rank - b.rank)
    .map(({ pick }) => pick);
}

function rankOf({ emoji, names }: Pick, wanted: string): number {
  if (emoji === wanted) {
    return 0;
  }
  const all = [...names.en, ...names.fr].map(plain);
  return all.some((name) => name.startsWith(wanted))
    ? 0
    : all.some((name) => name.includes(wanted))
      ? 1
      : 2;
}

/** A name without accents, as it is typed in haste: `coeur` for `cœur`. */
function plain(text: string): string {
  return text
    .toLowerCase()
    .replaceAll("œ", "oe")
    .replaceAll("_", " ")
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .trim();
}

function pickOf(entry: string): Pick {
  const at = entry.indexOf(" ");
  const [en = "", fr = ""] = entry.slice(at + 1).split("|");
  return { emoji: entry.slice(0, at), names: { en: en.split(","), fr: fr.split(",") } };
}
