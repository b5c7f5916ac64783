"""Every text of the bot, by key, in English; translations are in `bots/i18n/catalogs/*.po`.

To add a text: put its English into `EN` (or `EN_PLURAL`, where a number called `count` decides) and say it by its key.
Give parameters as facts (an age, a share, a count): `bots/i18n/formatters.py` puts them into words, each language its
own way. `make texts` adds the key to all catalogues; until its translations stand there, English is said.

No text claims that a picture foretells anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from bots.i18n.formatters import spoken
from bots.i18n.languages import DEFAULT_LANGUAGE, language_of
from bots.i18n.translator import Plural, Translator

EN: dict[str, str] = {
    # greeting and help
    "welcome": (
        "Hi! Send me a photo of mom and a photo of dad, and I draw a child with the looks of both.\n\n"
        "Clear photos from the front work best. Please only send adults who are fine with it. "
        "A photo is deleted once I have read the face, after {photo_hours} at the latest.\n\n"
        "/help shows what else I can do, /privacy what I keep."
    ),
    "welcome_group": (
        "Hi all! Send a photo with the caption /mom and one with /dad, or answer a photo with /mom or /dad. "
        "The two may come from different people. I draw a child with the looks of both. "
        "/couple @anna @ben takes two profile photos, if both agree.\n\n"
        "Please only send adults who are fine with it. /privacy shows what I keep."
    ),
    "help": (
        "Send two photos, mom and dad, one by one or together. Then tell me what to change, in your own words:\n"
        "“older”, “a boy, 12”, “more like dad”, “smiling”, “mom's eyes”, “another one” …\n\n"
        "/sibling – a brother or a sister\n"
        "/grow – the child from baby to grown-up\n"
        "/card – a family card\n"
        "/genes – which parent each trait comes from\n"
        "/look – smile, glasses, hair, pose, light\n"
        "/code – a short code that draws this child again\n"
        "/settings, /language – how I draw and speak\n"
        "/cancel – stop and forget the photos\n"
        "/privacy, /delete_my_data – what I keep; delete it\n\n"
        "The menu lists all commands."
    ),
    "unknown_command": "I don't know that command. /help shows what I can do.",
    "command_not_read": "I could not read this command. /help shows what I can do.",
    "photo_hint_discord": (
        "Photos come with /child, /mom or /dad, or from a message: right-click it (hold it on a phone), then Apps, "
        "then Use as mom or Use as dad."
    ),
    "menu_mom": "Use as mom",
    "menu_dad": "Use as dad",
    "menu_couple": "Have a child with …",
    "option_first": "Somebody with a photo as avatar",
    "option_second": "Somebody else; you, if you name nobody",
    "option_switch": "For admins: on or off",
    "option_names": "Anna, Ben – or Anna, Ben, Mia",
    "option_mom": "A photo of mom",
    "option_dad": "A photo of dad",
    "option_photo": "A photo with a clear face",
    "option_age": "Age in years, 0 to 90",
    "option_mix": "0 is all mom, 100 is all dad",
    "option_sex": "Girl, boy or surprise",
    "option_group": "Two ages, the child's lies between them",
    "option_strength": "From -1 (grave) to 1 (all smiles), 0 is as usual",
    "option_reset": "Take back what was chosen before",
    "option_wish": "A boy, 12, more like mom",
    "option_code": "The code of a child; without one I tell the last child's",
    "hint_after_child": (
        "Sorry, I didn't understand that. Tell me what to change, such as “older”, “a boy” or “more like dad”, or use "
        "the buttons under the picture. Two new photos begin a new couple."
    ),
    # photos
    "send_two_photos": "Send me two photos: one of mom, one of dad.",
    "send_other_parent": "Got it. Now a photo of the other parent, please.",
    "send_mom": "Got dad. Now a photo of mom, please.",
    "send_dad": "Got mom. Now a photo of dad, please.",
    "named_mom": "All right, that is mom. Now a photo of dad, please.",
    "named_dad": "All right, that is dad. Now a photo of mom, please.",
    "waiting_for_mom": "Send me the photo of mom.",
    "waiting_for_dad": "Send me the photo of dad.",
    "looking_at_photos": "I am looking at the photos. One moment.",
    "nothing_missing": "I have everything I need. /child draws.",
    "same_face": "That is the face I have already. Which other one do you mean?",
    "same_photo": "I have this photo already. Send one of the other parent, please.",
    "two_are_enough": "I only need two photos, so I take the first two.",
    "already_two": "I have two photos already. Tell me first who is mom, or start over with /cancel.",
    "other_message": "Thanks! I only understand photos and a few words. Send me a photo of mom and one of dad.",
    "other_video": "I cannot read videos. A photo, or a screenshot of the video, would help.",
    "photo_warning": "I can use this photo, but {warnings}. A clearer one would give a closer likeness.",
    # faces
    "face_number": "{number}",
    "face_both": "Both are the parents",
    "bad_face": "Please choose a face by its number, 1 to {count}.",
    "face_taken": "Face {number} it is.",
    "face_both_taken": "Both of them it is.",
    # who is who
    "who_is_who": "Who is who?",
    "first_is_mom": "The first photo is mom",
    "second_is_mom": "The second photo is mom",
    "left_is_mom": "Mom is on the left",
    "right_is_mom": "Mom is on the right",
    "who_settled": "Thanks! Number {number} is mom.",
    "whose_photo": "A new photo! Whose is it?",
    "is_mom": "Mom",
    "is_dad": "Dad",
    "is_new_couple": "Somebody new, start over",
    "whose_settled_mom": "A new photo of mom it is.",
    "whose_settled_dad": "A new photo of dad it is.",
    "whose_settled_new": "A new couple it is.",
    # names, the gene card, the poll, the family card and the wall
    "names_how": "Tell me the names like this: /names Anna, Ben – or with the child's: /names Anna, Ben, Mia.",
    "names_too_long": "A name on the card may have up to {limit_letters} letters.",
    "names_noted": "Noted. The next family card of these two says so.",
    "named_caption": "{name} · {sex}, {age} · {mix}\n{seen}",
    "clip": "Watch it grow",
    "clip_caption": "{sex}, growing up · {mix}\n{seen}",
    "card": "Family card",
    "card_caption": "{name} and family",
    "card_mom": "Mom",
    "card_dad": "Dad",
    "card_line": "{sex}, {age}",
    "card_likeness": "Takes after",
    "card_foot": "Drawn by a computer, just for fun",
    "smile": "Smile on or off",
    "genes": "Who gave what?",
    "gene_card": (
        "Who gave what:\n{genes}\n\n"
        "Press a trait to choose, or type it: /genes eyes=mom nose=dad\n"
        "A likeness of 50% is that of a stranger of the same age and sex.\n\n"
        "Code: {code}\nSend me this code, and I draw exactly this child of the same two again."
    ),
    "gene_line": "{trait}: {source}",
    "gene_line_chosen": "{trait}: {source} (chosen)",
    "ask_genes": "Whose shall each trait be? Press one, or type it: /genes eyes=mom nose=dad",
    "ask_genes_chosen": "So far you have chosen:\n{traits}\n\nPress another one, or type it: /genes eyes=mom nose=dad",
    "ask_gene": "{trait}: from whom?",
    "noted_traits": "Noted:\n{traits}",
    "genes_by_chance": "All by chance again",
    "genes_reset": "All traits are left to chance again.",
    "bad_genes": (
        "Say whose each trait shall be, mom, dad, both or chance: /genes eyes=mom nose=dad\n"
        "The traits are face, eyes, brows, nose, mouth, jaw, skin and hair."
    ),
    "no_genes": "I did not note that for this picture. A new one will tell.",
    "already_told": "That was asked already, please look above.",
    "trait_face": "Shape of the face",
    "trait_eyes": "Eyes",
    "trait_brows": "Eyebrows",
    "trait_nose": "Nose",
    "trait_mouth": "Mouth",
    "trait_jaw": "Chin and jaw",
    "trait_skin": "Skin",
    "trait_hair": "Hair",
    "gene_mom": "mom",
    "gene_dad": "dad",
    "gene_both": "both",
    "gene_chance": "by chance",
    # what the picture shows
    "seen_likeness": "Likeness: mom {mom_alike}, dad {dad_alike}",
    "seen_age": "estimated age: {years}",
    "seen_older": "Sorry, this one came out looking older than you asked. /sibling draws another child.",
    "seen_younger": "Sorry, this one came out looking younger than you asked. /sibling draws another child.",
    # the code of a child
    "code_told": "Code: {code}\nSend me this code, and I draw exactly this child of the same two again.",
    "no_code": "There is no child yet whose code I could tell. Send me two photos first.",
    "bad_code": (
        "That is not the code of a child; perhaps a letter is wrong. "
        "A code stands under “Who gave what?” and is typed like this: /code T5N8-4KQ2"
    ),
    "code_needs_photos": "That is the code of a child. Send me photos of its mom and dad first, then the code again.",
    # looks
    "ask_look": "{look_hint}, 0 is as usual. Press a button, or type a number from -1 to 1.",
    "ask_looks": "How shall the child look? Press one, or type it: /look glasses=1 hair=-0.5",
    "ask_looks_chosen": "So far you have chosen:\n{looks}\n\nPress another one, or type it: /look glasses=1 hair=-0.5",
    "look_smile": "Smile",
    "look_mouth": "Mouth",
    "look_eyes": "Eyes",
    "look_glasses": "Glasses",
    "look_yaw": "Turn of the head",
    "look_pitch": "Tilt of the head",
    "look_hair": "Colour of the hair",
    "look_hair_length": "Length of the hair",
    "look_light": "Light",
    "look_background": "Background",
    "look_beard": "Beard",
    "look_makeup": "Make-up",
    "option_look_smile": "Smile: 1 smiles, -1 is grave",
    "option_look_mouth": "Mouth: 1 opens it, -1 closes it",
    "option_look_eyes": "Eyes: 1 opens them wide, -1 narrows them",
    "option_look_glasses": "Glasses: 1 puts glasses on",
    "option_look_yaw": "Turn of the head: 1 turns it to the right of the picture, -1 to the left",
    "option_look_pitch": "Tilt of the head: 1 lifts the chin, -1 lowers it",
    "option_look_hair": "Colour of the hair: 1 is dark, -1 is fair",
    "option_look_hair_length": "Length of the hair: 1 is long, -1 is short",
    "option_look_light": "Light: 1 comes from the right of the picture, -1 from the left",
    "option_look_background": "Background: 1 is bright, -1 is dark",
    "option_look_beard": "Beard: 1 grows a beard",
    "option_look_makeup": "Make-up: 1 is made up",
    "look_line": "{look}: {strength}",
    "look_strength": "{strength}",
    "noted_looks": "Noted:\n{looks}",
    "looks_as_usual": "All as usual again",
    "looks_reset": "All looks are as usual again.",
    "bad_smile": "A smile is a number from -1 (grave) to 1 (all smiles), 0 is as usual. Try /smile 0.5",
    "bad_look": (
        "Each look is a number from -1 to 1, 0 is as usual: /look glasses=1 hair=-0.5\n"
        "There are smile, mouth, eyes, glasses, yaw, pitch, hair, hair_length, light, background, beard and makeup."
    ),
    "poll": "Who does it look like?",
    "poll_question": "Who does it look like?",
    "poll_mom": "Mom",
    "poll_dad": "Dad",
    "poll_both": "Both",
    "poll_neither": "The neighbour",
    "wall_title": "Our family wall",
    "wall_caption": "The newest children of this group.",
    "wall_empty": "Nobody is on the wall yet. Send a photo of mom and one of dad, and somebody will be.",
    "wall_is_off": "The family wall is off in this group. An admin can switch it on: /wall on",
    "wall_how": "/wall shows the family wall. Admins switch it: /wall on or /wall off",
    "wall_on": "The family wall is on: /wall shows this group's newest children, as long as I keep their pictures.",
    "wall_off": "The family wall is off.",
    "wall_admins_only": "Only admins of this group can switch the family wall.",
    "wall_needs_group": "The family wall belongs to a group. Add me to one, and ask there.",
    # for people who cannot see a picture
    "alt_child": "A drawn face: {sex}, {age}.",
    "alt_strip": "The same drawn child side by side, from baby to grown-up: {sex}.",
    "alt_clip": "A film of the same drawn child from baby to grown-up: {sex}.",
    "alt_card": "A family card: mom and dad, and their drawn child {name}: {sex}, {age}.",
    "alt_wall": "Drawn children side by side: {names}.",
    # a couple by their profile photos
    "couple_how": (
        "Name two people: /couple @anna @ben. Or answer somebody's message with /couple, and it is the two of you. "
        "I draw only if both agree."
    ),
    "couple_needs_group": "/couple works in a group, where both people can agree. Here, send me two photos.",
    "couple_same": "That is the same person twice. I need two.",
    "couple_ask": (
        "{first} and {second}: shall I draw a child of you two? If both of you press “I agree”, I take your profile "
        "photos, and delete them once I have read the faces. Press only if you are an adult and fine with it. "
        "/privacy shows what I keep."
    ),
    "couple_yes": "I agree",
    "couple_no": "No, thanks",
    "couple_thanks": "Thank you!",
    "couple_one_agreed": "{name} agrees. {other}, it is up to you now.",
    "couple_waits": "You have agreed already. I am waiting for {other}.",
    "couple_both_agreed": "{first} and {second} both agree.",
    "couple_declined": "All right, no child of these two.",
    "couple_taken_back": "Taken back, no child of these two.",
    "couple_expired": "That was asked too long ago. /couple asks again.",
    "couple_not_you": "Only the two who are named can answer this.",
    "couple_no_photo": (
        "I cannot see a profile photo of {name}. A photo sent with the caption /mom or /dad works as well."
    ),
    "couple_photo_unusable": (
        "I cannot use the profile photo of {name}. A photo sent with the caption /mom or /dad works as well."
    ),
    # photos that cannot be used
    "refused_no_face": "I cannot find a face on this photo. Please send one from the front, in good light.",
    "refused_face_too_small": "The face on this photo is too small. Please send one that is closer.",
    "refused_face_turned": "The head is turned too far away. Please send a photo from the front.",
    "refused_not_a_picture": "This file is not a picture. Please send a photo.",
    "refused_unsupported_picture": (
        "I cannot read this kind of file ({found}). Please send a JPEG, PNG, WebP or HEIC photo."
    ),
    "refused_damaged_photo": "This picture is damaged and I cannot open it. Please send it again, or another one.",
    "refused_empty_photo": "This file is empty. Please send it again, or another one.",
    "refused_photo_too_large": "This photo is too large for me: I take up to {limit}.",
    "refused_photo_gone": "I no longer have this photo. Please send it again.",
    "refused_photo_not_fetched": "I could not fetch this photo. Please send it again.",
    "refused_quota_photos": (
        "That is more photos than I can look at, so I have not taken this one. I look at new ones in {wait}."
    ),
    "too_many_messages": "That is more than I can answer at once. Please wait a minute, then go on.",
    "refused_unsafe_photo": "I would rather not draw from this picture. Please send another one.",
    "refused_not_a_photo": (
        "This looks to me like a drawing, a statue or a doll. Please send a photo of a person; "
        "the child will then look like them."
    ),
    "use_anyway": "Use it all the same",
    "drawing_taken": "All right, just for fun: I take it as it is.",
    "refused_under_age": (
        "This person looks under age to me, and I only take photos of grown-ups as parents. I have deleted the photo."
    ),
    "ask_adult": (
        "From this photo I cannot tell whether this person is an adult, and only adults can be parents here. "
        "Please tell me; until then I will not use the photo."
    ),
    "ask_adult_face": (
        "I cannot tell whether face {number} on this photo is that of an adult, and only adults can be parents here. "
        "Please tell me; until then I will not use the photo."
    ),
    "ask_adult_named": (
        "{name}, from your profile photo I cannot tell whether you are an adult, and only adults can be parents here. "
        "Please tell me; until then I will not use the photo."
    ),
    "adult_me": "I am an adult",
    "adult_other": "The person in this photo is an adult",
    "adult_no": "No, not an adult",
    "adult_noted": "Thank you. I will use this photo.",
    "adult_denied": "All right, I have deleted this photo. A photo of an adult is welcome.",
    "age_is_wrong": "That is wrong",
    "another_photo_please": (
        "Sorry! Faces can deceive me. Please send another photo of the same person: from the front, in good light."
    ),
    "refused": "Something went wrong with this photo, and it is my fault. Please send it again. (No. {job_id})",
    # wishes
    "ask_age": "How old should the child be? Press a button or type an age from 0 to 90.",
    "ask_mix": "Whose looks should win?",
    "ask_sex": "A girl, a boy, or a surprise?",
    "ask_group": "Of which age group shall the child be? Press one, or type it: /group 11-20",
    "age_choice": "{age_number}",
    "group_choice": "{youngest}–{oldest}",
    "mix_0": "All mom",
    "mix_25": "More mom",
    "mix_50": "Half and half",
    "mix_75": "More dad",
    "mix_100": "All dad",
    "girl": "Girl",
    "boy": "Boy",
    "surprise": "Surprise",
    "noted_age": "Noted: {age}.",
    "noted_mix": "Noted: {mix}.",
    "noted_sex": "Noted: {sex}.",
    "bad_age": "I can draw ages from 0 to 90. Try /age 7.",
    "bad_group": "An age group is two ages from 0 to 90, the younger one first. Try /group 11-20.",
    "bad_mix": "The mix is a number from 0 (all mom) to 100 (all dad). Try /mix 30.",
    "bad_sex": "You can choose girl, boy or surprise. Try /sex girl.",
    "already_so": "That is how the child is drawn already.",
    "drawn_next": "I'll draw that as soon as this picture is done.",
    "still_drawing": "I am still drawing. One moment, please.",
    "wishes_noted": "I'll remember that: {wishes}.",
    "wish_how": "Tell me what to change in your own words, for example: /wish a boy, 12, more like mom",
    # small talk, and what cannot be wished
    "reply_thanks": "You're welcome!",
    "reply_laughter": "Ha, glad you're having fun 😄",
    "reply_praise": "Thank you! Shall I change anything? Just tell me: “older”, “a boy”, “more like dad” …",
    "reply_greeting": "Hi! Tell me what to change: “older”, “a boy”, “more like dad” … Or send two new photos.",
    "complaint_looks": (
        "Sorry about that! Another child of the same two may turn out better. A better photo helps most: from the "
        "front, in good light, nothing in front of the face."
    ),
    "complaint_likeness": (
        "Sorry about that! A better photo helps most: from the front, in good light, nothing in front of the face. "
        "Another child of the same two may take after you more."
    ),
    "better_refine": "Look closer",
    "better_photo": "Another photo",
    "better_photo_how": "Send me the better photo with the caption /mom or /dad, and I'll draw the child again.",
    "cannot_eye_colour": (
        "I can't choose the colour of the eyes, but I can take them from one parent. Try “mom's eyes” or “dad's eyes”."
    ),
    "cannot_hair_colour": (
        "I can only make hair darker or fairer, or take it from one parent. "
        "Try “dark hair”, “blond hair” or “dad's hair”."
    ),
    "cannot_hair_texture": (
        "I can't choose curls or a hairstyle, but I can take the hair from one parent or change its length. "
        "Try “mom's hair” or “long hair”."
    ),
    "cannot_skin_colour": (
        "A child's skin lies between its parents'. I can take it from one of them: try “mom's skin” or “dad's skin”."
    ),
    "cannot_clothes": "I only draw faces, so clothes and jewellery are up to chance. I can add glasses, though.",
    "cannot_details": (
        "I can't choose that. What I can change: age, girl or boy, who it takes after, smile, glasses, hair and "
        "make-up."
    ),
    "cannot_several": "I draw one child at a time. /sibling draws a brother or a sister.",
    "start_over": "Start over",
    "keep_photos": "Keep the photos",
    "start_over_sure": "Shall I forget these photos, so that you can start over with new ones?",
    "photos_kept": "All right, I'm keeping the photos.",
    # pictures
    "progress_queued": "Your picture is in the queue …",
    "progress_place": "Your picture is number {place} in the queue …",
    "progress_encoding": "Looking at the photos …",
    "progress_drawing": "Drawing …",
    "progress_refining": "Looking closer …",
    "progress_working": "Working on it …",
    "one_moment": "One moment …",
    "picture_coming": "Here it comes …",
    "child_caption": "{sex}, {age} · {mix}\n{seen}",
    "strip_caption": "{sex}, growing up · {mix}\n{seen}",
    "better_caption": "A closer look: {sex}, {age} · {mix}\n{seen}",
    "picture_gone": "I no longer have this picture. Send the photos again to draw it anew.",
    "younger": "◀ Younger",
    "older": "Older ▶",
    "more_mom": "More mom",
    "more_dad": "More dad",
    "sibling": "Sibling",
    "grow": "Growth strip",
    "no_older": "That is as old as I can draw.",
    "no_younger": "That is as young as I can draw.",
    "no_more_mom": "This child is all mom already.",
    "no_more_dad": "This child is all dad already.",
    "already_drawn": "You have that picture already.",
    "stale_button": "This button is from an earlier question.",
    "not_your_button": "These buttons belong to somebody else. Send your own photos to me.",
    "failed_photo_gone": "I no longer have these photos. Please send both again.",
    "failed_timed_out": "That took too long, so I stopped. /child tries again.",
    "failed_service_down": "I cannot draw right now. Please try /child again in a few minutes.",
    "failed_missing_weights": "I am not set up completely, so I cannot draw yet. Please tell whoever runs me.",
    "failed_quota_user": "You have had many pictures in a short time, so let others have a turn. I go on in {wait}.",
    "failed_quota_chat": "This chat has had many pictures in a short time. I go on drawing here in {wait}.",
    "failed": "Something went wrong, and it is my fault. /child tries again. (No. {job_id})",
    "store_away": (
        "I cannot get at my notes just now. What you sent is kept, and I will answer by myself as soon as I can."
    ),
    "store_away_try_again": "I cannot get at my notes just now. Please try again in a minute.",
    "restarted_try_again": "I am being restarted and did not get to this. Please try again in a minute.",
    "queue_away": (
        "My drawing desk does not answer just now. "
        "Your wish is written down, and I go on by myself as soon as it is back."
    ),
    "went_wrong": "Something went wrong, and it is my fault. Please try again. (No. {number})",
    # settings, cancel, privacy, deleting
    "settings": "When you say nothing else I draw: {sex}, {age}, {mix}.\nA closer picture after the first: {refine}.",
    "set_age": "Age",
    "set_mix": "Mix",
    "set_sex": "Girl or boy",
    "set_refine_on": "Send a closer picture too",
    "set_refine_off": "One picture is enough",
    "language_name": "{language}",
    "ask_language": "Which language shall I speak?",
    "bad_language": "I don't speak that language yet. These I do:",
    "language_chosen": "All right, I speak English now.",
    "noted_refine_on": "A closer picture will follow the first one.",
    "noted_refine_off": "I will send the first picture only.",
    "stopped": "Stopped. I still have the photos: /child draws again, /cancel forgets them.",
    "forgotten": "Done, I have forgotten these photos. Send two new ones whenever you like.",
    "nothing_to_cancel": "There is nothing to cancel. Send me two photos whenever you like.",
    "privacy": (
        "What I keep, and how long:\n"
        "• Photos: until I have read the face, {photo_hours} at the latest. If a closer picture is to follow, a small "
        "crop of the face stays until that is drawn, not longer than those {photo_hours}.\n"
        "• The face as numbers, so that you need not send photos again: {latent_days}.\n"
        "• Pictures I drew: {result_days}.\n"
        "• Notes on finished jobs and where our chat stands: {handled_days}.\n"
        "• Your settings and your agreement: until you delete them.\n\n"
        "Photos, faces and pictures are stored encrypted. I do not log names, captions or pictures. "
        "/delete_my_data deletes everything at once, /withdraw takes your agreement back and deletes as well."
    ),
    # who is answered, and those who run the bot
    "closed_blocked": (
        "Sorry, I do not work for you any more. /privacy says what I still keep, /delete_my_data deletes it."
    ),
    "closed_not_allowed": "Sorry, this is a private bot: I only work for people whom my owner has invited.",
    "closed_maintenance": (
        "I am being looked after and take in nothing new right now. What you asked for before still comes. "
        "Please try again in a while."
    ),
    "operator_help": (
        "/admin – how things stand\n"
        "/admin block 123, /admin unblock 123 – keep a person or a chat out; or answer their message\n"
        "/admin allow 123, /admin disallow 123 – let in; as soon as somebody is on this list, nobody else is let in\n"
        "/admin maintenance on, /admin maintenance off – take in nothing new; what was begun is finished"
    ),
    "operator_privately": "I tell you that in our private chat only.",
    "operator_whom": "Whom? Give a number, or answer one of their messages in a group.",
    "operator_status": (
        "People who agreed: {people}\n"
        "Jobs: {queued} waiting, {running} at work, {undelivered} to be told, {failed} failed in the last 24 hours\n"
        "Let in by command: {allowed}, kept out by command: {blocked}"
    ),
    "maintenance_on": "Maintenance is on: I take in nothing new, and finish what was begun.",
    "maintenance_off": "Maintenance is off: everybody is welcome again.",
    "door_blocked": "{who} is kept out from now on, and what was at work for them is stopped.",
    "door_unblocked": "{who} is not kept out any more.",
    "door_allowed": "{who} is let in.",
    "door_disallowed": "{who} is not on the list any more.",
    "door_unchanged": "That was not decided by command, so there is nothing to take back.",
    "door_operator": "Those who run me cannot be kept out.",
    # agreement
    "couple_agree_first": "Please answer my question first: may I look at your photo? Then press again.",
    "consent": (
        "Before I look at any photo, please read this:\n"
        "• I read the faces in your photos and turn them into numbers, to draw a child with the looks of both.\n"
        "• A photo is deleted once its face is read, after {photo_hours} at the latest. The face as numbers stays for "
        "{latent_days}, pictures I drew for {result_days}, notes on jobs and our chat for {handled_days}. "
        "Photos, faces and pictures are stored encrypted and go nowhere but back to you.\n"
        "• You can withdraw at any time: /withdraw deletes all of it at once. /privacy says more.\n\n"
        "By pressing “I agree” you say: I agree, I am 18 or older, and the people in the photos agreed."
    ),
    "consent_yes": "I agree",
    "consent_no": "No, thanks",
    "consent_given": "Thank you! You can withdraw at any time with /withdraw.",
    "consent_declined": "All right. I have not looked at your photos and keep nothing of them.",
    "consent_first": "I take this photo once you have agreed: press a button above, or answer yes or no.",
    "permission_ask": (
        "This photo comes from somebody else. May I use it? Only if the people in it agree that I draw a child from "
        "their faces, and are 18 or older."
    ),
    "permission_yes": "Yes, they agree",
    "permission_no": "No, leave it",
    "permission_given": "Thank you, I will use this photo.",
    "permission_declined": "All right. I have not looked at this photo and keep nothing of it.",
    "gone_meanwhile": "Somebody withdrew or deleted their data in the meantime, so I have stored nothing.",
    "write_as_yourself": (
        "Please write as yourself: behind an anonymous admin or a channel I cannot see who agrees. "
        "You can press my buttons as usual."
    ),
    "withdraw": "Withdraw my agreement",
    "withdraw_sure": "Withdraw your agreement? That deletes everything I have from you, in all chats, for good.",
    "withdraw_yes": "Withdraw and delete",
    "withdraw_no": "Keep my agreement",
    "still_agreed": "Your agreement stands, and nothing was deleted.",
    "nothing_to_withdraw": "You have not agreed to anything yet, so I have no photos of yours.",
    "withdrawn": (
        "Your agreement is withdrawn. Deleted: {photos}, {latents}, {results}, {jobs} and your settings. "
        "Should you send a photo again, I will ask again."
    ),
    "delete_sure": "Delete everything I have from you, in all chats? This cannot be undone.",
    "delete_yes": "Delete everything",
    "delete_no": "Keep it",
    "deleting": "Deleting …",
    "kept": "Nothing was deleted.",
    "deleted": (
        "Deleted: {photos}, {latents}, {results}, {jobs}, your settings and your agreement. "
        "What I sent to this chat before stays here until you delete it yourself."
    ),
    # the menu of commands
    "command_start": "Begin",
    "command_help": "What I can do",
    "command_mom": "This is mom's photo",
    "command_dad": "This is dad's photo",
    "command_couple": "Two profile photos, if both agree",
    "command_wall": "The newest children of this group",
    "command_names": "What the family card says",
    "command_child": "Draw the child",
    "command_age": "The same child at another age",
    "command_group": "The child at an age of a group",
    "command_genes": "Whose each trait is",
    "command_smile": "How much the child smiles",
    "command_look": "Glasses, hair, pose, light …",
    "command_code": "A code that draws this child again",
    "command_mix": "0 all mom … 100 all dad",
    "command_sex": "Girl, boy or surprise",
    "command_sibling": "A brother or a sister",
    "command_grow": "The child from baby to grown-up",
    "command_card": "A family card of this child",
    "command_wish": "What to change, in your own words",
    "command_settings": "What I use when you say nothing",
    "command_language": "The language I speak",
    "command_cancel": "Stop, forget the photos",
    "command_privacy": "What I keep, and how long",
    "command_admin": "For those who run this bot",
    "option_words": "What to do",
    "command_withdraw": "Take my agreement back",
    "command_delete_my_data": "Delete everything of mine",
    # the terminal
    "console_you": "you",
    "console_bot": "bot",
    "console_hint": "Type a path (or drag a file in) to send a photo, a number to press a button, /help, or quit.",
    "console_no_file": "There is no file {path}.",
    # facts within other texts
    "age_newborn": "newborn",
    "mix_is": "{mom_share} mom, {dad_share} dad",
    "mix_is_half": "half mom, half dad",
    "mix_is_all_mom": "all mom",
    "mix_is_all_dad": "all dad",
    "format_video": "video",
    "format_unknown": "unknown",
    "yes": "yes",
    "no": "no",
    "warning_small": "the face is rather small",
    "warning_turned": "the head is turned to the side",
    "warning_blurred": "it is blurred",
    "warning_dark": "it is rather dark",
    "warning_overexposed": "it is very bright",
    "warning_eyes_covered": "the eyes are covered",
    "warning_mouth_covered": "the mouth is covered",
    "warning_incomplete": "part of the file is missing",
    "warning_unclear": "it is not quite clear",
}

EN_PLURAL: dict[str, Plural] = {
    "which_face": (
        "I see {count} face here. Do you mean this one?",
        "I see {count} faces here. Which one do you mean?",
    ),
    # facts within other texts
    "age_years": ("{count} year", "{count} years"),
    "age_months": ("{count} month", "{count} months"),
    "for_minutes": ("{count} minute", "{count} minutes"),
    "for_hours": ("{count} hour", "{count} hours"),
    "for_days": ("{count} day", "{count} days"),
    "count_photos": ("{count} photo", "{count} photos"),
    "count_latents": ("{count} face as numbers", "{count} faces as numbers"),
    "count_results": ("{count} picture", "{count} pictures"),
    "count_jobs": ("{count} job", "{count} jobs"),
    "count_parts": ("{count} part", "{count} parts"),
}


def render(key: str, params: Mapping[str, Any], language: str | None = None) -> str:
    """The words for a key. `refused_…` and `failed_…` codes without words of their own get the general sentence.

    `language` is a code as chat services give it; one that we do not speak is answered in English.
    """
    voice = voice_of(language_of(language) or DEFAULT_LANGUAGE)
    # A picture about which nothing was measured has no second line.
    return voice.directed(voice.say(_known(key), **spoken(voice, params)).rstrip("\n"))


@cache
def voice_of(language: str) -> Translator:
    """The voice of one of our languages."""
    return Translator(language, EN, EN_PLURAL)


def _known(key: str) -> str:
    kind, _, code = key.partition("_")
    tried = [key]
    if kind == "failed":
        # A drawing can fail for a photo's sake as well.
        tried += [f"refused_{code}", "failed"]
    elif kind == "refused":
        tried += [f"failed_{code}", "refused"]
    return next((name for name in tried if name in EN or name in EN_PLURAL), key)


def bar(progress: float, width: int = 12) -> str:
    """A progress bar of characters that every chat shows."""
    full = round(min(max(progress, 0.0), 1.0) * width)
    return "▰" * full + "▱" * (width - full)
